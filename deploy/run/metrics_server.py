"""Serves a part's metrics, and whether it lives and is ready, to Prometheus and probes: over HTTP, in a thread."""

from __future__ import annotations

import contextlib
import io
import math
import os
import socket
import threading
import time
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, ClassVar, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from schemas.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from broker.metrics import PartMetrics
    from schemas.settings import Settings

__all__ = ["MetricsBindError", "served"]

_TEXT: Final = "text/plain; charset=utf-8"

# Prometheus, two probes and somebody who looks, several times over.
_MOST_CONNECTIONS: Final = 16
_ANSWER_SECONDS: Final = 10.0
# Some figures are read off the disk for each answer.
_FRESH_SECONDS: Final = 0.5


class MetricsBindError(OperatorError):
    """Metrics cannot be served at their address; the text says why and what to set."""


class _UntilDeadline(io.RawIOBase):
    """What comes on a connection for some seconds in all, however slowly; raises TimeoutError then."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._ends = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Handler(WSGIRequestHandler):
    """Answers one connection, whose head has to be whole in time, and which has to take its answer in time."""

    head_seconds: ClassVar[float] = _ANSWER_SECONDS

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_UntilDeadline(self.connection, self.head_seconds))

    def parse_request(self) -> bool:
        whole = super().parse_request()
        self.connection.settimeout(_ANSWER_SECONDS)
        return whole

    def log_message(self, *_arguments: Any) -> None:
        """Nothing: a probe a second is no news."""


class _Server(ThreadingMixIn, WSGIServer):
    """A thread a connection, for so many at a time, none of which holds up the end of the process."""

    daemon_threads = True
    most_connections: ClassVar[int] = _MOST_CONNECTIONS

    def server_activate(self) -> None:
        self._room = threading.BoundedSemaphore(self.most_connections)
        super().server_activate()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread; close the connection at once where there are too many."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, *_request: Any) -> None:
        """Nothing: who has hung up needs no answer."""


@contextlib.contextmanager
def served(settings: Settings, *parts: PartMetrics) -> Iterator[None]:
    """Serve `/metrics`, `/live` and `/ready` of the parts of this process at TELEMETRY_METRICS_BIND, if that is set.

    `/live` is 200 while their event loops turn, `/ready` while all of them do all of their work; else 503. Raises
    MetricsBindError where nobody can listen there.
    """
    if settings.metrics_bind is None:
        yield
        return
    server = _listening(settings.metrics_bind)
    server.set_app(_application(parts))
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listening(bind: str) -> WSGIServer:
    host, _, port = bind.rpartition(":")
    try:
        family, *_, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        kind: type[WSGIServer] = type("_Server", (_Server,), {"address_family": family})
        return kind((str(address[0]), int(address[1])), _Handler)
    except OSError as error:
        # Python adds the address to the text of the system's errors; those of names have numbers of their own.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        message = f"metrics cannot be served at {bind}: {reason}. Free the port or set TELEMETRY_METRICS_BIND."
        raise MetricsBindError(message) from error


class _Figures:
    """All figures of a process as text, looked up by one thread at a time and told again for half a second."""

    def __init__(self, parts: tuple[PartMetrics, ...]) -> None:
        process = CollectorRegistry()
        ProcessCollector(registry=process)
        PlatformCollector(registry=process)
        self._registries = (*(part.registry for part in parts), process)
        self._lock = threading.Lock()
        self._old_at = -math.inf
        self._text = b""

    def text(self) -> bytes:
        """The text, half a second old at most."""
        with self._lock:
            if time.monotonic() >= self._old_at:
                self._text = b"".join(map(generate_latest, self._registries))
                self._old_at = time.monotonic() + _FRESH_SECONDS
            return self._text


def _application(parts: tuple[PartMetrics, ...]) -> Callable[..., Iterable[bytes]]:
    figures = _Figures(parts)

    def metrics() -> tuple[bool, bytes, str]:
        return True, figures.text(), CONTENT_TYPE_LATEST

    def live() -> tuple[bool, bytes, str]:
        still = [part.part for part in parts if not part.lives]
        return not still, f"{', '.join(still)} does not turn\n".encode() if still else b"ok\n", _TEXT

    def ready() -> tuple[bool, bytes, str]:
        not_yet = [part.part for part in parts if not (part.ready and part.lives)]
        return not not_yet, f"{', '.join(not_yet)} is not ready\n".encode() if not_yet else b"ok\n", _TEXT

    answers = {"/metrics": metrics, "/live": live, "/ready": ready}

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            start_response("405 Method Not Allowed", [("Content-Type", _TEXT), ("Allow", "GET, HEAD")])
            return [b"use GET\n"]
        answer = answers.get(environ["PATH_INFO"])
        if answer is None:
            start_response("404 Not Found", [("Content-Type", _TEXT)])
            return [b"there are /metrics, /live and /ready\n"]
        well, body, kind = answer()
        start_response("200 OK" if well else "503 Service Unavailable", [("Content-Type", kind)])
        return [body]

    return application
