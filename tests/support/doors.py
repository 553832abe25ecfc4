"""Doors to a server: ports of this machine that lead to another one, to be shut, opened and slammed at will."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Final, Self

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Door"]

_LOOPBACK: Final = "127.0.0.1"
_PIECE_BYTES: Final = 1 << 16


class Door:
    """One port, in a thread of its own; `with` opens it and ends all of it."""

    def __init__(self, target: int) -> None:
        """Lead to the port `target`; the door's own is picked when it is opened first."""
        self.port = 0
        self.connections = 0
        self.slammed = 0
        self._target = target
        self._slam_at = b""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._leading: set[asyncio.Future[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.shut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def open(self) -> None:
        """Let connections through, at the same port as before."""
        self._do(self._open)

    def shut(self) -> None:
        """Refuse connections, and cut those that are open."""
        self._do(self._shut)

    def slam_at(self, mark: bytes) -> None:
        """Let the next request through that has this in it, and cut its connection in place of the answer."""
        self._slam_at = mark

    def await_slam(self, times: int) -> None:
        """Wait until it has slammed so often."""
        eventually(lambda: self.slammed >= times, what=f"{times} answers that are cut")

    def _do(self, step: Callable[[], Awaitable[None]]) -> None:
        async def done() -> None:
            await step()

        asyncio.run_coroutine_threadsafe(done(), self._loop).result(30)

    async def _open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, _LOOPBACK, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        if self._server is not None:
            # Whoever has just been accepted is led on before the server is closed: only then is there somebody to close
            # the connection, and a server that is closed takes none of them in.
            for listener in self._server.sockets:
                self._loop.remove_reader(listener)
            for _ in range(5):
                await asyncio.sleep(0)
            self._server.close()
            self._server = None
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            # What was aborted is closed by the loop's next rounds.
            for _ in range(3):
                await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        leading = asyncio.ensure_future(self._lead(reader, writer))
        self._leading.add(leading)

        def ended(_: asyncio.Future[None]) -> None:
            self._leading.discard(leading)
            # Not politely: whoever is on the other side is to notice.
            writer.transport.abort()

        # Of a task that is cancelled before its first step nothing runs but this.
        leading.add_done_callback(ended)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._through_to(reader, writer)

    async def _through_to(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(_LOOPBACK, self._target)
        marked = False

        async def ask() -> None:
            nonlocal marked
            while piece := await reader.read(_PIECE_BYTES):
                if self._slam_at and self._slam_at in piece:
                    marked, self._slam_at = True, b""
                requests.write(piece)
                await requests.drain()

        async def answer() -> None:
            while piece := await answers.read(_PIECE_BYTES):
                if marked:
                    self.slammed += 1
                    return
                writer.write(piece)
                await writer.drain()

        ways = [asyncio.ensure_future(ask()), asyncio.ensure_future(answer())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # First, for whoever shuts the door may end the wait below.
            requests.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
