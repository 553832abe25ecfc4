"""Query strings: what of them travels with a webhook, and what never does."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from gateway.errors import ApiError

__all__ = ["MAX_QUERY_BYTES", "Query", "parse_query"]

# Longer than any list of asset ids of a tutorial's translations, and short enough to travel as a header.
MAX_QUERY_BYTES: Final = 8192


# Without these a query says what it says.
_ESCAPED: Final = frozenset("%+")


class Query(NamedTuple):
    """A query string taken apart: `params` are the webhook's, the last of each name, without token and academy."""

    params: dict[str, str]
    token: str | None
    academy: str | None


def parse_query(query: bytes) -> Query:
    """Take a query string apart: anew each time, for it is done before anybody knows whose it is.

    Raises ApiError 414, before anything is taken apart, for one that is longer than MAX_QUERY_BYTES.
    """
    if not query:
        return Query({}, None, None)
    if len(query) > MAX_QUERY_BYTES:
        raise ApiError("query-too-long", limit=MAX_QUERY_BYTES)
    text = query.decode("latin-1")
    if _ESCAPED.isdisjoint(text):
        params = {name: value for name, _, value in (field.partition("=") for field in text.split("&") if field)}
    else:
        params = dict(parse_qsl(text, keep_blank_values=True, errors="replace"))
    token, academy = params.pop("token", None), params.pop("academy", None)
    return Query(params, token or None, academy)
