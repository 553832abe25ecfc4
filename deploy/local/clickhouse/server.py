"""The process that serves ClickHouse's HTTP interface: `python -m deploy.local.clickhouse DIRECTORY PORT`.

User and password come from the environment (`CLICKHOUSE_USER`, `CLICKHOUSE_PASSWORD`), where `ps` does not show them.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from deploy.local.clickhouse.engine import Engine
from deploy.local.clickhouse.node import PASSWORD_VARIABLE, USER_VARIABLE
from deploy.local.clickhouse.request import HttpRequest
from deploy.local.clickhouse.service import Service
from deploy.local.errors import LocalStackError
from deploy.local.resources import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Generator

    from deploy.local.clickhouse.responses import Response

__all__ = ["main"]

_THREADS: Final = 32
_HEADER_BYTES: Final = 4 << 20
_STOP_SECONDS: Final = 8


class _Application:
    """Hands each request to a thread, since the engine blocks."""

    def __init__(self, service: Service, pool: ThreadPoolExecutor) -> None:
        self._service = service
        self._pool = pool
        self._idle = asyncio.Event()
        self._idle.set()
        self._running = 0

    async def __call__(self, scope: Any, protocol: Any) -> None:
        self._running += 1
        self._idle.clear()
        try:
            await self._serve(scope, protocol)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def drained(self, timeout: float) -> bool:  # noqa: ASYNC109 - an answer, not an exception
        """Whether the requests that are running end within `timeout` seconds."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout)
        except TimeoutError:
            return False
        return True

    async def _serve(self, scope: Any, protocol: Any) -> None:
        headers = {name.lower(): value for name, value in scope.headers.items()}
        request = HttpRequest(scope.method, scope.path, scope.query_string, headers, await protocol())
        loop = asyncio.get_running_loop()
        response: Response = await loop.run_in_executor(self._pool, self._service.answer, request)
        if response.pieces is None:
            protocol.response_bytes(response.status, response.headers, response.body)
            return
        transport = protocol.response_stream(response.status, response.headers)
        pieces = response.pieces
        try:
            while (piece := await loop.run_in_executor(self._pool, _next, pieces)) is not None:
                await transport.send_bytes(piece)
        finally:
            await loop.run_in_executor(self._pool, pieces.close)


def _next(pieces: Generator[bytes, None, None]) -> bytes | None:
    return next(pieces, None)


async def _serve(engine: Engine, port: int, user: str, password: str) -> None:
    service = Service(engine, user, password)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="query") as pool:
        application = _Application(service, pool)
        server = Server(
            application,
            address=LOOPBACK,
            port=port,
            interface=Interfaces.RSGI,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(max_buffer_size=_HEADER_BYTES),
            websockets=False,
            log_enabled=False,
        )
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        server.stop()  # type: ignore[no-untyped-call]
        await serving
        if not await application.drained(_STOP_SECONDS):
            sys.stderr.write("ClickHouse stops although requests are running.\n")
            os._exit(0)
        service.close()
    engine.close()


def _lock(directory: Path) -> Any:
    directory.mkdir(parents=True, exist_ok=True)
    handle = (directory / "server.lock").open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        message = f"The data directory {directory} is in use by process {holder}: stop it or name another directory."
        raise LocalStackError(message) from error
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def main() -> None:
    """Serve until SIGTERM or SIGINT; exits 1 with one line on standard error if it cannot start."""
    directory, port = Path(sys.argv[1]), int(sys.argv[2])
    user = os.environ[USER_VARIABLE]
    password = os.environ[PASSWORD_VARIABLE]
    try:
        lock = _lock(directory)
        engine = Engine(directory / "data")
    except (LocalStackError, OSError) as error:
        sys.exit(f"ClickHouse cannot start: {error}")
    with lock:
        asyncio.run(_serve(engine, port, user, password))
