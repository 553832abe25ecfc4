"""Tokens: made, listed and revoked on the tokens topic, where only a SHA-256 of each is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from operations.directory import load_reference, publish_reference
from schemas.errors import OperatorError
from schemas.reference.revoking import REVOKED
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from schemas.reference.directory import Token
    from schemas.reference.lookup import Reference
    from schemas.settings import Settings

__all__ = ["CAPABILITIES", "NewToken", "TokenError", "digest", "grant", "list_tokens", "new_secret", "revoke_token"]

CAPABILITIES: Final = (
    "upload_assignment_telemetry",
    "read_assignment",
    "crud_telemetry",
    "read_asset",
    "crud_asset",
    "operate_telemetry",
    "crud_directory",
)
_SECRET_BYTES: Final = 30
_SHORTEST_PREFIX: Final = 8


class TokenError(OperatorError, ValueError):
    """A token cannot be made or found; the text says what to do."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """What a new token may do: of a user (None: an ingest key), in academies, until `expires_at`."""

    user_id: int | None
    academies: dict[int, tuple[str, ...]]
    created_at: datetime
    expires_at: datetime | None = None
    label: str = ""

    def record(self) -> bytes:
        """The value of its record; nothing in it is secret."""
        fields: dict[str, Any] = {
            "user_id": self.user_id,
            "ingest": self.user_id is None,
            "academies": {str(academy): list(names) for academy, names in self.academies.items()},
            "created_at": self.created_at.isoformat(),
            "expires_at": None if self.expires_at is None else self.expires_at.isoformat(),
        }
        if self.label:
            fields["label"] = self.label
        return orjson.dumps(fields)


def digest(secret: str) -> str:
    """The SHA-256 under which a token is known, in lower-case hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    """A secret that nobody can guess; it does not begin with a hyphen, which commands would take for an option."""
    while (made := secrets.token_urlsafe(_SECRET_BYTES)).startswith("-"):
        pass
    return made


async def grant(settings: Settings, token: NewToken, secret: str | None = None) -> str:
    """Put a token in force and return its secret, which is kept nowhere; `secret` renews a known one."""
    secret = secret or new_secret()
    await publish_reference(settings, Topics.of(settings).tokens, [(digest(secret).encode(), token.record())])
    return secret


async def list_tokens(settings: Settings) -> list[Token]:
    """All tokens in force, by their SHA-256."""
    return _in_force(await load_reference(settings))


def _in_force(reference: Reference) -> list[Token]:
    tokens = (reference.token(key.decode()) for key, _ in reference.records("tokens"))
    return sorted((token for token in tokens if token is not None), key=lambda token: token.sha256)


async def revoke_token(settings: Settings, which: str) -> Token:
    """End a token, named by its secret, its SHA-256 or the first characters of that.

    A personal one ends although the LMS has it: `directory sync` does not write it again. Raises TokenError where none
    or several fit.
    """
    tokens = _in_force(await load_reference(settings))
    exact = digest(which)
    fitting: Sequence[Token] = [token for token in tokens if token.sha256 in (exact, which)]
    if not fitting and len(which) >= _SHORTEST_PREFIX:
        fitting = [token for token in tokens if token.sha256.startswith(which)]
    if len(fitting) != 1:
        message = (
            f"{len(fitting)} tokens fit; give the secret or at least {_SHORTEST_PREFIX} characters of the SHA-256 that "
            "`token list` shows."
        )
        raise TokenError(message)
    # Also one that no sync has seen yet: the next may, for a night's passes find what came into the LMS by day.
    end = None if fitting[0].ingest else REVOKED
    await publish_reference(settings, Topics.of(settings).tokens, [(fitting[0].sha256.encode(), end)])
    return fitting[0]
