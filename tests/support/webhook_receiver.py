"""A receiver of forwarded webhooks: verifies each by the library of the specification, and answers as it is told to."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

from standardwebhooks.webhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["SECRET", "Post", "Receiver", "receiver"]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G"


class Post(NamedTuple):
    """A post that was verified: its id, what it says, how it was answered, and the cookie it brought."""

    id: str
    kind: str
    data: dict[str, Any]
    status: int
    cookie: str | None = None


@dataclass
class Receiver:
    """What has arrived, and how a post is answered from now on; `headers` come with each answer."""

    port: int
    posts: list[Post] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], int] = lambda _: 204
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    unverified: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self.port}/hook"

    def taken(self) -> list[Post]:
        """The posts that were answered with 2xx, in their order."""
        return [post for post in list(self.posts) if post.status in range(200, 300)]

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        """Verify and remember a post; the status to answer with."""
        try:
            said = Webhook(SECRET).verify(body, headers)
        except Exception as error:  # noqa: BLE001 - a test looks at what it was
            self.unverified.append(repr(error))
            return 401
        assert said == json.loads(body)
        status = self.answer(said["data"])
        time.sleep(self.pause)
        self.posts.append(Post(headers["webhook-id"], said["type"], said["data"], status, headers.get("cookie")))
        return status


@contextlib.contextmanager
def receiver(port: int = 0, known: Receiver | None = None) -> Iterator[Receiver]:
    """Receive while the block runs; `known` goes on where it was, at its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                # Whoever was killed in the middle of it, or cut off, has posted nothing.
                self.close_connection = True
                return
            status = received.take(body, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            for name, value in received.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
            """Nothing is written."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        # Who is killed leaves connections behind, which nobody waits for.
        block_on_close = False

        def process_request(self, request: Any, client_address: Any) -> None:
            connections.add(request)
            super().process_request(request, client_address)

        def shutdown_request(self, request: Any) -> None:
            connections.discard(request)
            super().shutdown_request(request)

        def handle_error(self, *_request: object) -> None:
            """Nothing: a forwarder that is killed hangs up."""

    connections: set[socket.socket] = set()
    with Server(("127.0.0.1", known.port if known else port), Handler) as server:
        received = known or Receiver(server.server_address[1])
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield received
        finally:
            server.shutdown()
            # Threads would go on answering on those that callers keep open: a receiver that is gone does not.
            for connection in list(connections):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
