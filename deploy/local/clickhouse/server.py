"""The process that serves ClickHouse's HTTP interface: `python -m deploy.local.clickhouse DIRECTORY PORT`.

Users and passwords come from the environment (`CLICKHOUSE_USER`, `CLICKHOUSE_PASSWORD`, and JSON in
`CLICKHOUSE_ANALYST`), where `ps` does not show them; so do files of certificates (JSON in `CLICKHOUSE_TLS`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop
from aiohttp import web

from deploy.local.clickhouse.access import ANALYST, APPLICATION, Account
from deploy.local.clickhouse.engine import Engine
from deploy.local.clickhouse.node import (
    ANALYST_VARIABLE,
    PASSWORD_VARIABLE,
    THREADS_VARIABLE,
    TLS_VARIABLE,
    USER_VARIABLE,
)
from deploy.local.clickhouse.request import HttpRequest
from deploy.local.clickhouse.service import Service
from deploy.local.errors import LocalStackError
from deploy.local.locking import locked
from deploy.local.resources import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

__all__ = ["main"]

_log: Final = logging.getLogger(__name__)

_THREADS: Final = 32
# Statements in the address may be long.
_LONGEST_LINE_BYTES: Final = 16 << 20
_LONGEST_HEADER_BYTES: Final = 1 << 20
_STOP_SECONDS: Final = 8.0
# Of one query. Reading the whole log takes as long as its reader.
_SECONDS: Final = 3_600
_ANALYST_SECONDS: Final = 60
_ANALYST_BYTES: Final = 2 << 30


class _Application:
    """Hands each request to a thread, since the engine blocks."""

    def __init__(self, service: Service, pool: ThreadPoolExecutor) -> None:
        self._service = service
        self._pool = pool
        self._idle = asyncio.Event()
        self._idle.set()
        self._running = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self._running += 1
        self._idle.clear()
        try:
            return await self._serve(request)
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

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query_string = request.raw_path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = HttpRequest(request.method, path, query_string, headers, await request.content.read())
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._pool, self._service.answer, asked)
        if answer.pieces is None:
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        # Nobody is left to tell of a connection that the client has closed.
        with contextlib.suppress(ConnectionError):
            await self._send(response, request, answer.pieces)
        return response

    async def _send(
        self, response: web.StreamResponse, request: web.BaseRequest, pieces: Generator[bytes, None, None]
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            await response.prepare(request)
            while (piece := await loop.run_in_executor(self._pool, _next, pieces)) is not None:
                await response.write(piece)
            await response.write_eof()
        finally:
            await loop.run_in_executor(self._pool, pieces.close)


def _next(pieces: Generator[bytes, None, None]) -> bytes | None:
    return next(pieces, None)


async def _serve(engine: Engine, port: int, accounts: Sequence[Account], tls: ssl.SSLContext | None) -> None:
    service = Service(engine, accounts)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="query") as pool:
        application = _Application(service, pool)
        server = web.Server(
            application,
            access_log=None,
            # Bodies are unpacked with the same strictness whatever their encoding.
            auto_decompress=False,
            max_line_size=_LONGEST_LINE_BYTES,
            max_field_size=_LONGEST_HEADER_BYTES,
        )
        runner = web.ServerRunner(server, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, LOOPBACK, port, ssl_context=tls)
        await site.start()
        scheme = "http" if tls is None else "https"
        _log.info("ClickHouse %s serves %s://%s:%s", engine.version, scheme, LOOPBACK, port)
        await stop.wait()
        await site.stop()
        if not await application.drained(_STOP_SECONDS):
            _log.warning("ClickHouse stops although requests are running")
            os._exit(0)
        await runner.cleanup()
        service.close()
    engine.close()


def _tls() -> ssl.SSLContext | None:
    if TLS_VARIABLE not in os.environ:
        return None
    files = json.loads(os.environ[TLS_VARIABLE])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files["clients"] or None)
    context.load_cert_chain(files["certificate"], files["key"])
    if files["clients"]:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _configure_logging() -> None:
    """Write lines in the form of the other parts' to standard error."""
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ [%(levelname)-8s] %(message)s [%(name)s]", datefmt="%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    _log.setLevel(logging.INFO)


def main() -> None:
    """Serve until SIGTERM or SIGINT; exits 1 with one line on standard error if it cannot start."""
    _configure_logging()
    directory, port = Path(sys.argv[1]), int(sys.argv[2])
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = {"max_memory_usage": memory // 2, "max_execution_time": _SECONDS}
    accounts = [Account(os.environ[USER_VARIABLE], os.environ[PASSWORD_VARIABLE], APPLICATION, limits)]
    analyst = json.loads(os.environ[ANALYST_VARIABLE]) if ANALYST_VARIABLE in os.environ else None
    if analyst is not None:
        limits_of_analyst = {
            "max_memory_usage": min(_ANALYST_BYTES, memory // 4),
            "max_execution_time": _ANALYST_SECONDS,
        }
        accounts.append(Account(analyst["user"], analyst["password"], ANALYST, limits_of_analyst))
    try:
        with locked("ClickHouse", directory):
            threads = int(os.environ.get(THREADS_VARIABLE, "0"))
            engine = Engine(directory, limits, analyst["grants"] if analyst is not None else (), threads)
            uvloop.run(_serve(engine, port, accounts, _tls()))
    except LocalStackError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"ClickHouse cannot start: {error}")
