"""Who asks, and what they may do."""

from __future__ import annotations

import hashlib
import re
import time
from typing import TYPE_CHECKING, Final, Protocol

from gateway.errors import ApiError
from schemas.coercion import digits_as_id
from schemas.reference.directory import Token

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "RETRY_SECONDS",
    "UPLOAD",
    "Access",
    "TokenView",
    "academy_id",
    "require",
    "require_upload",
    "required_academy",
    "secret_of",
]

RETRY_SECONDS: Final = 5

UPLOAD: Final = "upload_assignment_telemetry"

_AUTHORIZATION: Final = re.compile(r"(?:token|bearer)[ \t]+(\S+)", re.IGNORECASE)
_CHALLENGE: Final = {"WWW-Authenticate": "Token"}
# What our own pages and `up` write where a key belongs.
_PLACEHOLDERS: Final = frozenset({"INGEST_KEY", "<INGEST_KEY>", "TOKEN", "<token>"})

# Stands for whoever sends without a known token where that is allowed: an ingest key of no academy.
_ANYBODY: Final = Token(sha256="", value=b"{}", ingest=True)


def secret_of(authorization: str | None, parameter: str | None) -> str | None:
    """The token that a request brings: `Authorization: Token X` or `Bearer X`, else `?token=X`, else None.

    Raises ApiError 401 for an `Authorization` of another kind.
    """
    if authorization and (text := authorization.strip()):
        match = _AUTHORIZATION.fullmatch(text)
        if match is None:
            raise ApiError("invalid-token.scheme", _CHALLENGE)
        return match[1]
    return parameter or None


class TokenView(Protocol):
    """Where tokens are looked up."""

    @property
    def complete(self) -> bool:
        """Whether a token that is not found is unknown; before that, it may only not have been read yet."""

    def token(self, sha256: str, /) -> Token | None:
        """The token with a SHA-256 in lower-case hex."""


def starting() -> ApiError:
    """The refusal, 503, as long as it is not known yet who may do what."""
    return ApiError("starting", {"Retry-After": str(RETRY_SECONDS)}, seconds=RETRY_SECONDS)


class Access:
    """Finds tokens by their secrets.

    `everybody` lets webhooks in without a token or with an unknown one, as an ingest key of no academy would.
    """

    def __init__(self, view: TokenView, *, everybody: bool = False) -> None:
        self._view = view
        self._everybody = everybody

    def token(self, secret: str | None) -> Token:
        """The valid token with this secret; raises ApiError 401, or 503 as long as the tokens are not read.

        What is compared are digests, so the time that a lookup takes tells nothing of any secret.
        """
        if not secret:
            raise ApiError("authentication-required", _CHALLENGE)
        digest = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
        if secret in _PLACEHOLDERS and self._view.complete and self._view.token(digest) is None:
            raise ApiError("invalid-token.placeholder", _CHALLENGE, secret=secret)
        return self.of_digest(digest)

    def of_digest(self, sha256: str) -> Token:
        """The valid token with the SHA-256 of a secret; raises ApiError as `token` does."""
        known = self._view.token(sha256)
        if known is None and not self._view.complete:
            raise starting()
        if known is None or known.expired(time.time_ns() // 1000):
            raise ApiError("invalid-token", _CHALLENGE)
        return known

    def known_of(self, secrets: Sequence[str]) -> str | None:
        """The first of these secrets that is a valid token's, else the first of them, None of none."""
        return next(filter(self._knows, secrets), secrets[0] if secrets else None)

    def _knows(self, secret: str) -> bool:
        try:
            self.token(secret)
        except ApiError:
            return False
        return True

    def uploader(self, secret: str | None) -> Token:
        """The token under which a webhook comes in; raises ApiError 401."""
        if not self._everybody:
            return self.token(secret)
        try:
            return self.token(secret)
        except ApiError:
            return _ANYBODY


def require(token: Token, capability: str, academy: int) -> None:
    """Raise ApiError 403, naming capability and academy, unless the token has the capability there."""
    if capability not in token.capabilities(academy):
        raise ApiError("missing-capability", capability=capability, academy=academy)


def require_upload(token: Token, academy: int | None) -> None:
    """Raise ApiError 403 unless the token may upload in an academy (None: in none).

    An ingest key may do so in its academies. A personal token may by default; where it has capabilities, uploading must
    be among them.
    """
    if token.ingest:
        allowed = academy is None or not token.academies or academy in token.academies
    else:
        capabilities = token.capabilities(academy)
        allowed = not capabilities or UPLOAD in capabilities
    if not allowed and academy is None:
        raise ApiError("missing-capability.nowhere", capability=UPLOAD)
    if not allowed:
        raise ApiError("missing-capability", capability=UPLOAD, academy=academy)


def academy_id(value: str | None) -> int | None:
    """An academy's id as a request names it, or None where that is not digits."""
    return digits_as_id((value or "").strip())


def required_academy(header: str | None, parameter: str | None) -> int:
    """The academy of a request to an `/academy/` path.

    Raises ApiError: 403 `missing-academy` if the request names none, 400 `invalid-academy-id` if it is not digits.
    """
    named = header or parameter
    if not named:
        raise ApiError("missing-academy")
    academy = academy_id(named)
    if academy is None:
        raise ApiError("invalid-academy-id")
    return academy
