"""New webhooks as server-sent events, for as long as somebody listens and may see them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import orjson
from fastapi import Response

from gateway.errors import ApiError
from gateway.insights.live import ShareError, shown_outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.insights.live import Live, Viewer, Wanted
    from gateway.insights.sight import Sight
    from schemas.reference.directory import Token

__all__ = ["EventStream", "event_of", "owner_of"]

# How often is looked whether the caller is still there and still may see it.
_LOOK_SECONDS: Final = 1.0
# Whatever stands between closes what is silent for long.
_BEAT_LOOKS: Final = 10
# What a caller who listens too often should wait before the next try.
_RETRY_SECONDS: Final = 10

_BEGINNING: Final = b"retry: 2000\n\n"
_BEAT: Final = b": nothing new\n\n"
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def event_of(name: str, data: Any, number: int | None = None) -> bytes:
    """One server-sent event; JSON has no line breaks of its own."""
    head = b"" if number is None else b"id: %d\n" % number
    return head + b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def owner_of(token: Token) -> str:
    """Whose place a listener with a token takes: all tokens of one person are one owner's."""
    return token.sha256 if token.user_id is None else str(token.user_id)


class EventStream(Response):
    """An answer that goes on until the caller hangs up, `allowed` is false, or the gateway ends."""

    media_type = "text/event-stream"

    def __init__(
        self,
        live: Live,
        wanted: Wanted,
        allowed: Callable[[], bool],
        *,
        owner: str = "",
        shown: Callable[[dict[str, Any], Sight], dict[str, Any]] = shown_outcome,
        status_code: int = 200,
    ) -> None:
        """`owner` is whose place it takes, `shown` what is told of an outcome; FastAPI needs `status_code`."""
        super().__init__(status_code=status_code, headers=_HEADERS)
        del self.headers["content-length"]
        self._live = live
        self._wanted = wanted
        self._allowed = allowed
        self._owner = owner
        self._shown = shown

    async def __call__(self, _scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        """The ASGI entry.

        Before anything is sent raises BusyError where too many listen, and ApiError 429 where the owner does too often.
        """
        try:
            async with self._live.viewer(self._wanted, self._owner) as viewer:
                gone = asyncio.ensure_future(_hung_up(receive))
                try:
                    await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                    await send(_part(_BEGINNING))
                    await self._tell(viewer, gone, send)
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                finally:
                    gone.cancel()
                    await asyncio.wait([gone])
        except ShareError as error:
            headers = {"Retry-After": str(_RETRY_SECONDS)}
            raise ApiError("too-many-streams", headers, limit=error.held, seconds=_RETRY_SECONDS) from error

    async def _tell(self, viewer: Viewer, gone: asyncio.Future[None], send: Callable[[Any], Any]) -> None:
        silent, watching = 0, False
        while not (gone.done() or viewer.ended):
            rows = await viewer.take(_LOOK_SECONDS)
            if gone.done() or not self._allowed():
                return
            parts = self._parts(viewer, rows)
            if viewer.watching != watching:
                watching = viewer.watching
                parts.insert(0, event_of("watching" if watching else "away", {}))
            silent = 0 if parts else silent + 1
            if silent == _BEAT_LOOKS:
                silent, parts = 0, [_BEAT]
            if parts:
                await send(_part(b"".join(parts)))

    def _parts(self, viewer: Viewer, rows: list[dict[str, Any]]) -> list[bytes]:
        sight = self._wanted.sight()
        parts = [event_of("webhook", self._shown(row, sight), row["id"]) for row in rows]
        if viewer.skipped:
            parts.insert(0, event_of("skipped", {"count": viewer.skipped}))
            viewer.skipped = 0
        return parts


def _part(body: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _hung_up(receive: Callable[[], Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
