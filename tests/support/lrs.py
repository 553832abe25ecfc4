"""A learning record store in memory: keeps statements by their ids, as the standard says, or fails as it is told to."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Fails", "Store", "store"]

_MARK: Final = b'"id":"urn:learnpack-telemetry:xapi:1:students:'


@dataclass(frozen=True, slots=True)
class Fails:
    """An answer that takes nothing, one byte after the other where it `drips` (seconds)."""

    status: int
    text: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    drips: float = 0


@dataclass(slots=True)
class Store:
    """What has arrived at a store that first answers `failures`, in turn; `most` bounds the bytes of a request.

    One that `refuses_known` ids says so to every statement that it has, as the standard allows. What says how students
    are named is kept apart in `marks`, and is no request that is counted or fails; one that `is_lax` takes any such
    statement, and keeps the first.
    """

    url: str
    failures: list[Fails] = field(default_factory=list)
    most: int = 1 << 30
    refuses_known: bool = False
    is_lax: bool = False
    statements: dict[str, dict[str, Any]] = field(default_factory=dict)
    marks: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[int] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    queries: set[str] = field(default_factory=set)

    def take(self, body: bytes) -> Fails:
        """Keep a batch as a whole, or refuse it as a whole."""
        if _MARK in body:
            (mark,) = json.loads(body)
            return Fails(200 if self.marks.setdefault(mark["id"], mark) == mark or self.is_lax else 409)
        if self.failures:
            return self.failures.pop(0)
        if len(body) > self.most:
            return Fails(413)
        batch = json.loads(body)
        self.requests.append(len(batch))
        for statement in batch:
            known = self.statements.get(statement["id"])
            if known is not None and (self.refuses_known or known != statement):
                return Fails(409, f"another statement has the id {statement['id']}")
        self.statements.update({statement["id"]: statement for statement in batch})
        return Fails(200, json.dumps([statement["id"] for statement in batch]))


def _handler(server: Callable[[], Store]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else each answer waits for the acknowledgement of its head.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            seen = server()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            login = self.headers.get("Authorization", "").removeprefix("Basic ")
            seen.logins.append(base64.b64decode(login).decode())
            path, _, query = self.path.partition("?")
            seen.queries.add(query)
            if path != "/xAPI/statements" or self.headers["X-Experience-API-Version"] != "1.0.3":
                answer = Fails(404)
            else:
                answer = seen.take(body)
            self.tell(answer)

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            known = {**server().statements, **server().marks}.get(asked.get("statementId", [""])[0])
            self.tell(
                Fails(404) if known is None else Fails(200, json.dumps({**known, "stored": "2026-01-01T00:00:00Z"}))
            )

        def tell(self, answer: Fails) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.text)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                for piece in answer.text if answer.drips else [answer.text]:
                    self.wfile.write(piece.encode())
                    time.sleep(answer.drips)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


@contextlib.contextmanager
def store(*failures: Fails) -> Iterator[Store]:
    """A store at an address of its own, `…/xAPI`, that first answers these."""
    there: list[Store] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: there[0])) as server:
        there.append(Store(f"http://127.0.0.1:{server.server_port}/xAPI", list(failures)))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield there[0]
        finally:
            server.shutdown()
            thread.join()
