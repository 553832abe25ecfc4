"""A question to the gateway over HTTP."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from deploy.local.resources import free_port
from operations.absence import absence
from operations.asking import NO_ANSWER, ask

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """The address of a server that answers every GET so; a 302 points to a place where nobody listens."""

    class Handler(BaseHTTPRequestHandler):
        """Answers every GET alike."""

        def do_GET(self) -> None:
            """Answer, with the token that came."""
            self.send_response(status)
            self.send_header("Location", f"http://127.0.0.1:{free_port()}/")
            self.end_headers()
            self.wfile.write(body + self.headers.get("Authorization", "").encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "good"), [(200, True), (204, True), (302, False), (401, False), (503, False)])
async def test_an_answer_of_any_status_is_an_answer(status: int, *, good: bool) -> None:
    """A refusal or a redirect is returned with its body, not raised and not followed."""
    with answering(status, b"" if status == 204 else b'{"kafka": true}') as url:
        answer = await ask(url, timeout_seconds=10)

    assert (answer.status, answer.good) == (status, good)
    if answer.body:
        assert answer.json() == {"kafka": True}


async def test_headers_are_sent() -> None:
    """A token reaches the server."""
    with answering(200, b"") as url:
        answer = await ask(url, timeout_seconds=10, headers={"Authorization": "Token t"})

    assert answer.text == "Token t"


async def test_what_is_no_text_is_shown_nevertheless() -> None:
    """A body in no encoding is no error of its own; that it is no JSON is one."""
    with answering(200, b"\xff") as url:
        answer = await ask(url, timeout_seconds=10)

    assert answer.text == "\N{REPLACEMENT CHARACTER}"
    with pytest.raises(ValueError, match="1"):
        answer.json()


async def test_nobody_listens() -> None:
    """A closed port is what is raised, and told as a server that does not answer."""
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(NO_ANSWER) as raised:
        await ask(url, timeout_seconds=10)

    away = absence(raised.value, url, "TELEMETRY_GATEWAY_URL")
    assert away is not None
    assert away.detail == f"does not answer at {url}"
