"""What `send` does with the gateway's answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from deploy.demo.sending import send_webhooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DETAIL = f"{'A long story. ' * 20}Name the asset: add ?asset_id=ASSET_ID to the address."
LONG = b'{"detail":"%s","slug":"unknown","status_code":404}' % DETAIL.encode()
PAGE = b"<html>" + b"x" * 300

ANSWERS = {
    200: b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    400: b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno",
    404: b"HTTP/1.1 404 Not Found\r\ncontent-length: %d\r\n\r\n%s" % (len(LONG), LONG),
    413: b"HTTP/1.1 413 Content Too Large\r\ncontent-length: %d\r\n\r\n%s" % (len(PAGE), PAGE),
    429: b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nslow",
    503: b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy",
}


class Gateway:
    """Answers posts with statuses in turn, the last of them from then on, and keeps the bodies."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.bodies: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer on one connection."""
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            self.bodies.append(await reader.readexactly(length))
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            writer.write(ANSWERS[status])


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway that answers what it is told to."""
    gateway = Gateway()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await gateway.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    gateway.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield gateway


def noting(slept: list[float]) -> Callable[[float], asyncio.Future[None]]:
    """A sleep that notes for how long, and does not."""

    def sleep(seconds: float) -> asyncio.Future[None]:
        slept.append(seconds)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    return sleep


async def test_what_is_too_much_at_once_is_sent_again(gateway: Gateway) -> None:
    """For as long as the answer asks, and whoever looks on is told; nothing is lost, and the order stays."""
    gateway.statuses = [200, 429, 503, 200, 200]
    slept: list[float] = []
    told: list[tuple[float, int]] = []

    answers = await send_webhooks(
        [b"1", b"2", b"3"],
        gateway.url,
        "t",
        sleep=noting(slept),
        waiting=lambda seconds, status: told.append((seconds, status)),
    )

    assert answers == {"200 ok": 3}
    assert gateway.bodies == [b"1", b"2", b"2", b"2", b"3"]
    assert slept == [7.0, 5.0]
    assert told == [(7.0, 429), (5.0, 503)]


async def test_what_is_wrong_is_not_sent_again(gateway: Gateway) -> None:
    """A refusal for good is one."""
    gateway.statuses = [400]
    slept: list[float] = []

    assert await send_webhooks([b"1", b"2"], gateway.url, "t", sleep=noting(slept)) == {"400 no": 2}
    assert slept == []


async def test_what_to_do_is_shown_whole(gateway: Gateway) -> None:
    """The text of a refusal ends in its remedy; a page that is none of the gateway's is cut."""
    gateway.statuses = [404, 413]

    answers = await send_webhooks([b"1", b"2"], gateway.url, "t")

    assert answers == {f"404 {DETAIL}": 1, f"413 <html>{'x' * 114}…": 1}


async def test_patience_ends(gateway: Gateway) -> None:
    """A gateway that can store nothing for ten minutes is told of."""
    gateway.statuses = [503]
    slept: list[float] = []

    assert await send_webhooks([b"1"], gateway.url, "t", sleep=noting(slept)) == {"503 busy": 1}
    assert sum(slept) == 600
