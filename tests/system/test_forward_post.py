"""One post: what may come of it, and what it never does."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import pytest
import trustme
from pydantic import SecretStr

from schemas.settings import Settings
from schemas.wire.forwarding import Message
from sinks.errors import ConfigurationError
from sinks.forward.post import Poster
from tests.support.webhook_receiver import SECRET, receiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sinks.forward.policy import Answer

pytestmark = pytest.mark.system

MESSAGE: Final = Message("completion_1", "7", b'{"data": {}, "type": "tutorial.completed"}')


async def posted(url: str, **settings: Any) -> Answer:
    """What comes of one post."""
    poster = Poster(Settings(_env_file=None, forward_url=SecretStr(url), forward_secret=SecretStr(SECRET), **settings))
    try:
        return await poster.post(MESSAGE)
    finally:
        await poster.close()


@contextlib.contextmanager
def answering(
    *head: str, body: bytes = b"", keep: bool = False, stays: bool = False, context: ssl.SSLContext | None = None
) -> Iterator[int]:
    """A server that answers each post with these bytes, or with none if it is to `keep` it waiting; its port.

    If it `stays` it does not hang up behind them.
    """
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if keep:
                over.wait(60)
                return
            with contextlib.suppress(OSError):
                self.wfile.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
            if stays:
                over.wait(60)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
            """Nothing is written."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_request: object) -> None:
            """Nothing: who is not trusted hangs up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            over.set()
            server.shutdown()


async def test_a_post_is_signed_and_answered() -> None:
    """The library of the specification verifies it; the answer is the receiver's, with what it asks for."""
    with receiver() as receiving:
        receiving.answer, receiving.headers = lambda _: 429, {"Retry-After": "7"}
        answer = await posted(receiving.url)

    assert (answer.status, answer.reason, answer.retry_after) == (429, "HTTP 429", 7.0)
    assert [post.id for post in receiving.posts] == [MESSAGE.id]
    assert receiving.unverified == []


async def test_nobody_who_listens_is_no_answer() -> None:
    """So is one who listens and says nothing, when the time is over."""
    assert (await posted("http://127.0.0.1:1/")).status is None
    with answering(keep=True) as port:
        answer = await posted(f"http://127.0.0.1:{port}/", forward_timeout=1)
    assert (answer.status, answer.reason) == (None, "no answer within 1 s")


async def test_a_redirect_is_not_followed() -> None:
    """Whoever answers so could send the message anywhere."""
    with receiver() as elsewhere, answering("HTTP/1.1 307 Away", f"Location: {elsewhere.url}") as port:
        answer = await posted(f"http://127.0.0.1:{port}/")

    assert answer.status == 307
    assert (elsewhere.posts, elsewhere.unverified) == ([], [])


async def test_an_answer_without_an_end_is_read_a_little() -> None:
    """It is an answer all the same, of which a dead letter shows the beginning in one line."""
    with answering("HTTP/1.1 422 No", body=b"task\n11 is gone" + b"\0" * (32 << 20)) as port:
        answer = await posted(f"http://127.0.0.1:{port}/")

    assert answer.status == 422
    assert answer.reason == "HTTP 422: task 11 is gone"


@pytest.mark.parametrize("status", [200, 410, 422])
async def test_the_status_is_the_answer_whatever_the_body_is(status: int) -> None:
    """One that is cut off, that is broken, and one that does not end."""
    for head, body in (("Content-Length: 100", b"ok"), ("Transfer-Encoding: chunked", b"zz\r\nhello")):
        with answering(f"HTTP/1.1 {status} So", head, body=body) as port:
            assert (await posted(f"http://127.0.0.1:{port}/")).status == status
    with answering(f"HTTP/1.1 {status} So", "Content-Length: 100", body=b"ok", stays=True) as port:
        answer = await posted(f"http://127.0.0.1:{port}/", forward_timeout=5)
    assert (answer.status, answer.reason) == (status, f"HTTP {status}: ok")


async def test_no_cookie_is_kept() -> None:
    """It would be sent back, and a receiver that sends new ones each time has no room for a message in the end."""
    with receiver() as receiving:
        receiving.headers = {"Set-Cookie": "session=1"}
        poster = Poster(
            Settings(_env_file=None, forward_url=SecretStr(receiving.url), forward_secret=SecretStr(SECRET))
        )
        await poster.post(MESSAGE)
        await poster.post(MESSAGE)
        await poster.close()

    assert [post.cookie for post in receiving.posts] == [None, None]


@pytest.mark.parametrize("wish", ["9" * 30, "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_who_asks_for_ages_is_heard(wish: str) -> None:
    """The policy has the most of it."""
    with receiver() as receiving:
        receiving.answer, receiving.headers = lambda _: 429, {"Retry-After": wish}
        answer = await posted(receiving.url)

    assert answer.retry_after is not None
    assert answer.retry_after > 86_400


async def test_certificates_are_verified(tmp_path: Path) -> None:
    """By the machine's authorities, or by those that are named; one of another name is refused in words."""
    authority = trustme.CA()
    cafile = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(cafile)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with answering("HTTP/1.1 204 Well", context=context) as port:
        unknown = await posted(f"https://127.0.0.1:{port}/")
        known = await posted(f"https://127.0.0.1:{port}/", forward_cafile=cafile)
        misnamed = await posted(f"https://localhost:{port}/", forward_cafile=cafile)

    assert known.status == 204
    assert (unknown.status, misnamed.status) == (None, None)
    assert "TELEMETRY_FORWARD_CAFILE" in unknown.reason or "certificate" in unknown.reason
    assert misnamed.reason


async def test_the_environment_sends_no_message_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that it names is not used."""
    with answering("HTTP/1.1 200 Well") as proxy, receiver() as receiving:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        await posted(receiving.url)

    assert len(receiving.posts) == 1


async def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """Before anything is posted."""
    await asyncio.sleep(0)
    url, secret = SecretStr("http://127.0.0.1:1/"), SecretStr(SECRET)
    for given, named in (
        ({}, "TELEMETRY_FORWARD_URL"),
        ({"forward_url": url}, "TELEMETRY_FORWARD_SECRET"),
        ({"forward_url": SecretStr("https://\u2603-.example"), "forward_secret": secret}, "TELEMETRY_FORWARD_URL"),
        ({"forward_url": url, "forward_secret": secret, "forward_cafile": tmp_path / "no.pem"}, "no.pem"),
    ):
        with pytest.raises(ConfigurationError, match=named):
            Poster(Settings(_env_file=None, **given))
