"""Which other origins' pages may call the gateway (CORS)."""

from __future__ import annotations

from typing import Final

from starlette.middleware.cors import CORSMiddleware

__all__ = ["ALLOWED_HEADERS", "Origins"]

# What the IDE and browser libraries send; traceparent and the receipt of a retry come from other tools.
ALLOWED_HEADERS: Final = (
    "Academy",
    "Accept-Language",
    "Authorization",
    "Content-Encoding",
    "Content-Type",
    "Idempotency-Key",
    "traceparent",
)
EXPOSED_HEADERS: Final = ("Link", "Retry-After", "Warning", "X-Total-Count")

_PREFLIGHT_SECONDS: Final = 86_400


class Origins:
    """The allowed origins: `*`, or a comma-separated list such as `https://learn.example, https://ide.example`.

    The API uses no cookies, so any origin may be allowed: a page gets only what its own token gives it. The console,
    which has one, is apart from it and allows no other origin (gateway.console).
    """

    def __init__(self, allowed: str) -> None:
        self.names = [name for part in allowed.split(",") if (name := part.strip().rstrip("/"))]
        self._any = "*" in self.names
        self._encoded = frozenset(name.encode() for name in self.names)

    def headers(self, origin: bytes | None) -> list[tuple[bytes, bytes]]:
        """Headers of an answer to a page of this origin (None: the request names none)."""
        if self._any:
            return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"Retry-After")]
        if origin in self._encoded and origin is not None:
            return [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
        return []

    def middleware(self) -> tuple[type[CORSMiddleware], dict[str, object]]:
        """The middleware, with its arguments, that answers preflights and marks all other answers."""
        return CORSMiddleware, {
            "allow_origins": self.names,
            "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
            "allow_headers": list(ALLOWED_HEADERS),
            "expose_headers": list(EXPOSED_HEADERS),
            "max_age": _PREFLIGHT_SECONDS,
        }
