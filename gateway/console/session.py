"""Who is logged in: a cookie that holds the id of a token, signed with a key that all processes of a gateway know.

Nothing is kept here: whichever process answers reads the cookie and looks the token up, so that one that is revoked or
has expired sees nothing from then on.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass, replace
from typing import Final

import msgspec

__all__ = ["IDLE_SECONDS", "LONGEST_SECONDS", "Seal", "Session"]

# A working day of silence, and a day and a night whatever happens: a stolen cookie is not renewed for ever.
IDLE_SECONDS: Final = 8 * 3600
LONGEST_SECONDS: Final = 24 * 3600
# A cookie is sealed anew only when it is older than this, so that most answers set none.
_FRESH_SECONDS: Final = 60

_NONCE_BYTES: Final = 12
_LONGEST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Session:
    """A log-in: the SHA-256 of its token, the academy that is looked at, when it began and was used last.

    `academy` is None where the token may read in none. Times are whole seconds since 1970 UTC. `nonce` is what forms
    and pseudonyms of this session are made with.
    """

    token: str
    academy: int | None
    began: int
    used: int
    nonce: str

    @classmethod
    def begun(cls, token: str, academy: int | None, now: int) -> Session:
        """A new session of a token."""
        return cls(token, academy, now, now, secrets.token_urlsafe(_NONCE_BYTES))

    def over(self, now: int) -> bool:
        """Whether it has ended by itself."""
        return now - self.used >= IDLE_SECONDS or now - self.began >= LONGEST_SECONDS or self.used > now + IDLE_SECONDS

    def stale(self, now: int) -> bool:
        """Whether it is time to note that it was used."""
        return now - self.used >= _FRESH_SECONDS

    def used_at(self, now: int) -> Session:
        """The same, used now."""
        return replace(self, used=now)

    def seconds_left(self, now: int) -> int:
        """How long it lasts if nobody uses it."""
        return max(0, min(self.used + IDLE_SECONDS, self.began + LONGEST_SECONDS) - now)


@dataclass(frozen=True, slots=True)
class Seal:
    """Signs sessions and what belongs to them by one secret key (HMAC-SHA256)."""

    key: bytes

    def seal(self, session: Session) -> str:
        """The value of a session's cookie."""
        body = _encoded(
            msgspec.json.encode([session.token, session.academy, session.began, session.used, session.nonce])
        )
        return f"{body}.{self.mark('session', body)}"

    def opened(self, value: str | None, now: int) -> Session | None:
        """The session of a cookie; None for what is over, was signed with another key, or is none."""
        if not value or len(value) > _LONGEST or not value.isascii():
            return None
        body, _, mark = value.partition(".")
        if not hmac.compare_digest(mark, self.mark("session", body)):
            return None
        try:
            token, academy, began, used, nonce = msgspec.json.decode(
                _decoded(body), type=tuple[str, int | None, int, int, str]
            )
        except (msgspec.DecodeError, binascii.Error):
            return None
        session = Session(token, academy, began, used, nonce)
        return None if session.over(now) else session

    def mark(self, purpose: str, text: str) -> str:
        """The signature of a text for one purpose: that of another is another one."""
        return _encoded(hmac.digest(self.key, f"{purpose}:{text}".encode("utf-8", "surrogatepass"), "sha256"))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
