"""A server that takes captured events as it is told to: well, badly, slowly or not at all."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["ACCEPTED", "CaptureServer", "Reply", "capture_server"]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status, body and `Location`; `hang` keeps the caller waiting until the server ends."""

    status: int = 200
    body: bytes = b'{"status": 1}'
    location: str = ""
    hang: bool = False


ACCEPTED = Reply()


@dataclass(slots=True)
class CaptureServer:
    """What has arrived at a server that answers `replies` in turn, the last one ever after."""

    url: str
    replies: list[Reply]
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    encodings: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event of every call, in order; those that were sent again are there again."""
        return [event for body in self.bodies for event in body["batch"]]

    def reply(self) -> Reply:
        """The next answer."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def _handler(server: Callable[[], CaptureServer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen = server()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.bodies.append(json.loads(gzip.decompress(body)))
            seen.paths.append(self.path)
            seen.encodings.append(self.headers["Content-Encoding"])
            reply = seen.reply()
            if reply.hang:
                seen.ended.wait()
                return
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            if reply.location:
                self.send_header("Location", reply.location)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Write nothing."""

    return Handler


@contextlib.contextmanager
def capture_server(replies: Sequence[Reply] = (ACCEPTED,)) -> Iterator[CaptureServer]:
    """Serve on a free port until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: seen))
    seen = CaptureServer(f"http://127.0.0.1:{server.server_port}", list(replies))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        seen.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
