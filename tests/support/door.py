"""A door to a server: an address that answers only once it is opened."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["opened"]

_HEAD: Final = b"\r\n\r\n"


@contextlib.contextmanager
def opened(
    port: int, target: str, silent: threading.Event | None = None, breaking: threading.Event | None = None
) -> Iterator[None]:
    """Pass on whatever comes to a port of the loopback address to HOST:PORT, and back, while the block runs.

    While `silent` is set the door takes all there is and passes nothing on, as a server does that hangs.
    While `breaking` is set an HTTP answer ends before its body, as that of a server does that is killed.
    """
    host, _, number = target.rpartition(":")

    class Passing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((host, int(number))) as other:
                back = threading.Thread(target=_pump, args=(other, self.request, silent, breaking), daemon=True)
                back.start()
                _pump(self.request, other, silent)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", port), Passing) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def _pump(
    source: socket.socket,
    sink: socket.socket,
    silent: threading.Event | None,
    breaking: threading.Event | None = None,
) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            if breaking is not None and breaking.is_set() and _HEAD in piece:
                sink.sendall(piece[: piece.index(_HEAD) + len(_HEAD)])
                break
            if silent is None or not silent.is_set():
                sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
