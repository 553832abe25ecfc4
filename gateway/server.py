"""The HTTP server: Granian, in this process and on its event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from typing import TYPE_CHECKING, Any, Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.net import SocketHolder  # type: ignore[attr-defined]  # it is there and not declared
from granian.server.embed import Server

from broker.watched import Watched
from gateway.connections import most_connections
from gateway.unread_bodies import reading_to_the_end

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from gateway.connections import Connections

__all__ = ["BindError", "listen", "listen_together", "serve"]

# Also how long an idle connection is kept; a browser on a bad line may need some seconds for its few headers.
_HEADER_TIMEOUT_MS: Final = 30_000
# Of a request's head, whose query may have 8 KiB, and of a body on its way to the application.
_BUFFER_BYTES: Final = 32 << 10
_BACKLOG: Final = 2048

# What else fails as the server begins does so in the first turns of its task.
_BEGIN_SECONDS: Final = 0.2


class BindError(OSError):
    """The address cannot be bound; the text says which and what to do."""


class _Server(Server):
    """Granian on a socket that is open already: its own shares the port with whoever asks, and half the requests."""

    def __init__(self, app: Any, listener: socket.socket, **options: Any) -> None:
        super().__init__(app, **options)
        self._listener = listener

    def _init_shared_socket(self) -> None:
        self._ssp = None
        unix = False
        self._shd = SocketHolder(self._listener.detach(), unix, _BACKLOG)  # type: ignore[assignment,call-arg]  # as above


def listen(bind: str) -> socket.socket:
    """Bind and listen; raises BindError, also where another process listens already, whatever its options."""
    return _bound(bind, 1)[0]


def listen_together(bind: str, count: int) -> list[socket.socket]:
    """So many sockets that listen on one address, among which the kernel deals out connections; raises BindError.

    Like `listen`, it finds an address in use where anybody else listens there.
    """
    listen(bind).close()
    return _bound(bind, count)


def _bound(bind: str, count: int) -> list[socket.socket]:
    host, _, port = bind.rpartition(":")
    listeners: list[socket.socket] = []
    try:
        addresses = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = addresses[0]
        for _ in range(count):
            listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG, reuse_port=count > 1)
            listeners.append(listener)
    except OSError as error:
        for listener in listeners:
            listener.close()
        # Python adds the address to the text of the system's errors; those of names have numbers of their own.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        message = f"cannot listen on {bind}: {reason}. Free the port or set TELEMETRY_GATEWAY_BIND."
        raise BindError(message) from error
    return listeners


def _counting(app: Any, connections: Connections) -> Any:
    """The same application, whose requests under way are known to `connections`."""

    async def counted(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if not (client := scope.get("client")):
            await app(scope, receive, send)
            return
        peer = (client[0], client[1])
        connections.begin(peer)
        try:
            await app(scope, receive, send)
        finally:
            connections.end(peer)

    return counted


async def serve(
    app: Any,
    bind: str,
    listener: socket.socket,
    connections: Connections,
    *,
    once_listening: Callable[[], Coroutine[Any, Any, None]],
    ending: Callable[[], None] = lambda: None,
) -> None:
    """Serve an ASGI application until SIGTERM or SIGINT; requests under way are finished first.

    `listener` is a socket that listens, which is closed in the end; `bind` is its address, for what is said of it.
    `once_listening` is run beside the server once it accepts connections, again while it fails; `ending` is called when
    it is told to stop, so that answers without an end come to one. Raises BindError.
    """
    server = _Server(
        _counting(reading_to_the_end(app), connections),
        listener,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT_MS, max_buffer_size=_BUFFER_BYTES),
        backlog=_BACKLOG,
        # Connections, not requests: one more would not be accepted, whoever it is from.
        backpressure=most_connections(),
        websockets=False,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        ending()
        server.stop()  # type: ignore[no-untyped-call]  # as above

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop)
    serving = asyncio.create_task(server.serve())
    beside = Watched("announcement", once_listening)
    watching = Watched("connections", connections.watch)
    try:
        await asyncio.wait({serving}, timeout=_BEGIN_SECONDS)
        if not serving.done():
            beside.start()
            watching.start()
        await serving
    except (OSError, RuntimeError) as error:
        message = f"cannot serve on {bind}: {error}. Set TELEMETRY_GATEWAY_BIND."
        raise BindError(message) from error
    finally:
        await beside.stop()
        await watching.stop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(name)
