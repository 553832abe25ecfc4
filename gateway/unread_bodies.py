"""Bodies that nobody has read when the answer is ready: read to their end, or the connection closes and says so.

A request may be refused before its body has come. The server does not wait for the rest then: it answers and closes the
connection, of which the answer says nothing. A caller who keeps connections would send the next webhook on one that is
gone already, and lose it.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.ingest.bodies import Receive

    Send = Callable[[Any], Awaitable[None]]
    App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

__all__ = ["READ_BYTES", "READ_SECONDS", "reading_to_the_end"]

# A little that is on its way already costs less than a new connection does.
READ_BYTES: Final = 64 << 10
READ_SECONDS: Final = 1.0

_CLOSE: Final = (b"connection", b"close")


def reading_to_the_end(app: App) -> App:
    """The same ASGI application, after whose answer a connection either goes on or is announced to close.

    What is left of a body is read before the answer begins, where the whole is READ_BYTES at most and comes within
    READ_SECONDS. Where it does not, the answer carries `Connection: close`.
    """

    async def whole(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = _Body(scope, receive)
        if body.left:
            await app(scope, body.receive, body.before(send))
        else:
            await app(scope, receive, send)

    return whole


class _Body:
    """A request's body: how many bytes it has, infinitely many where only its end tells, and how many are to come."""

    __slots__ = ("_is_held_back", "_receive", "left", "size")

    def __init__(self, scope: dict[str, Any], receive: Receive) -> None:
        self._receive = receive
        self.size = 0.0
        self._is_held_back = False
        for name, value in scope["headers"]:
            if name == b"content-length":
                self.size = max(self.size, int(value) if value.isdigit() else math.inf)
            elif name == b"transfer-encoding":
                self.size = math.inf
            elif name == b"expect":
                # It is sent when somebody begins to read it, for then the server says `100 Continue`.
                self._is_held_back = True
        self.left = self.size

    async def receive(self) -> Any:
        """The next message, counted."""
        message = await self._receive()
        self._is_held_back = False
        self.left = max(self.left - len(message.get("body", b"")), 0) if message.get("more_body") else 0
        return message

    def before(self, send: Send) -> Send:
        """The same, but that the body is read before an answer begins, or the answer says that it will not be."""

        async def sending(message: Any) -> None:
            if self.left and message["type"] == "http.response.start" and not await self._comes():
                headers = message.get("headers", ())
                if all(name.lower() != _CLOSE[0] for name, _ in headers):
                    message = {**message, "headers": [*headers, _CLOSE]}
            await send(message)

        return sending

    async def _comes(self) -> bool:
        if self.size > READ_BYTES or self._is_held_back:
            return False
        try:
            async with asyncio.timeout(READ_SECONDS):
                while self.left:
                    await self.receive()
        except TimeoutError:
            return False
        return True
