"""Headers of records: what is the same for all of a token's in a scope is put together once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from schemas.reference.tenancy import reporting_academies
from schemas.wire.headers import RawHeaders, encode_headers

if TYPE_CHECKING:
    from schemas.reference.directory import Token
    from schemas.wire.headers import Source

__all__ = ["Standing", "Standings", "principal_of"]

# Some 500 bytes each, of tokens that are in force.
_MOST: Final = 1024


class Standing(NamedTuple):
    """What a token stands for in a scope, and how that is written."""

    token: Token
    headers: RawHeaders
    encoded: list[tuple[str, bytes]]


class Standings:
    """Finds standings, of a bounded number of tokens and scopes; those of a token that has changed are made anew."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int | None, int | None, Source], Standing] = {}

    def of(self, token: Token, scope: int | None, academy: int | None, source: Source) -> Standing:
        """Of requests that name `scope`, whose records have `academy`; to be changed by nobody."""
        key = (token.sha256, scope, academy, source)
        standing = self._known.get(key)
        if standing is None or standing.token is not token:
            headers = RawHeaders(
                source=source,
                academy=academy,
                principal=principal_of(token),
                capabilities=tuple(sorted(_capabilities(token, scope))),
                reports_in=reporting_academies(token, scope),
            )
            if len(self._known) >= _MOST:
                self._known.clear()
            standing = self._known[key] = Standing(token, headers, encode_headers(headers))
        return standing


def principal_of(token: Token) -> str | None:
    """The user of a personal token as headers have it, None of an ingest key."""
    return None if token.user_id is None else str(token.user_id)


def _capabilities(token: Token, academy: int | None) -> frozenset[str]:
    if academy is None and len(token.academies) == 1:
        return next(iter(token.academies.values()))
    return token.capabilities(academy)
