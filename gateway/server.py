"""The HTTP server: Granian, in this process and on its event loop."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["BindError", "serve"]

# Also how long an idle connection is kept; a browser on a bad line may need some seconds for its few headers.
_HEADER_TIMEOUT_MS: Final = 30_000
_BACKLOG: Final = 2048

# Binding happens in the first turns of the server's task, and fails there.
_BIND_SECONDS: Final = 0.2


class BindError(OSError):
    """The address cannot be bound; the text says which and what to do."""


async def serve(app: Any, bind: str, *, once_listening: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Serve an ASGI application on HOST:PORT until SIGTERM or SIGINT; requests under way are finished first.

    `once_listening` is run beside the server once it accepts connections. Raises BindError.
    """
    host, _, port = bind.rpartition(":")
    server = Server(
        app,
        address=host.strip("[]"),
        port=int(port),
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT_MS),
        backlog=_BACKLOG,
        websockets=False,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, server.stop)
    serving = asyncio.create_task(server.serve())
    beside: asyncio.Task[None] | None = None
    try:
        await asyncio.wait({serving}, timeout=_BIND_SECONDS)
        if not serving.done():
            beside = asyncio.create_task(once_listening())
        await serving
    except (OSError, RuntimeError) as error:
        message = f"cannot listen on {bind}: {error}. Free the port or set TELEMETRY_GATEWAY_BIND."
        raise BindError(message) from error
    finally:
        if beside is not None:
            beside.cancel()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(name)
