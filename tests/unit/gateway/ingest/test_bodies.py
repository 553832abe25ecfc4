"""Request bodies."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ApiError, ClientGoneError
from gateway.ingest import bodies
from gateway.ingest.bodies import read_body
from gateway.ingest.deadlines import Deadlines
from gateway.ingest.shares import Share, Shares


def share() -> Share:
    """A share where there is room."""
    return Shares(1 << 20, 1 << 20).enter("a", "t")


class Sender:
    """Sends a body in parts, as an ASGI server would, and counts how many were asked for."""

    def __init__(self, *parts: bytes, gone: bool = False) -> None:
        self.messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": part, "more_body": True} for part in parts
        ]
        if gone:
            self.messages.append({"type": "http.disconnect"})
        else:
            self.messages.append({"type": "http.request", "body": b"", "more_body": False})
        self.asked = 0

    async def __call__(self) -> dict[str, Any]:
        """The next message."""
        self.asked += 1
        return self.messages[self.asked - 1]


@given(st.lists(st.binary(max_size=20), max_size=6))
async def test_a_body_is_joined_from_its_parts(parts: list[bytes]) -> None:
    """However it is cut, it is read whole."""
    assert await read_body(Sender(*parts), share(), limit=1000, declared=None) == b"".join(parts)


async def test_a_body_of_a_known_length_ends_with_its_last_byte() -> None:
    """The server is not asked for an end that is known; one that ends early has what came."""
    sender = Sender(b"ab", b"cd")

    assert await read_body(sender, share(), limit=10, declared=4) == b"abcd"
    assert sender.asked == 2
    assert await read_body(Sender(b"ab"), share(), limit=10, declared=4) == b"ab"


async def test_a_declared_body_over_the_limit_is_not_read() -> None:
    """It is refused before the first byte."""
    sender = Sender(b"x")

    with pytest.raises(ApiError, match="body-too-large"):
        await read_body(sender, share(), limit=10, declared=11)

    assert sender.asked == 0


async def test_reading_ends_where_the_limit_is_passed() -> None:
    """No more is held than the limit and one part."""
    sender = Sender(*[b"xxxx"] * 100)

    with pytest.raises(ApiError, match="body-too-large"):
        await read_body(sender, share(), limit=10, declared=None)

    assert sender.asked == 3


async def test_a_caller_that_hangs_up_gets_no_answer() -> None:
    """There is nobody to answer."""
    with pytest.raises(ClientGoneError):
        await read_body(Sender(b"{", gone=True), share(), limit=10, declared=None)


async def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow caller is answered 408, and its task goes on as before."""
    monkeypatch.setattr(bodies, "_deadlines", Deadlines(0.01))

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(ApiError, match="body-timeout"):
        await read_body(never, share(), limit=10, declared=None)

    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancelled_reader_is_cancelled() -> None:
    """What ends the server's task is not taken for a slow caller."""

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    task = asyncio.create_task(read_body(never, share(), limit=10, declared=None))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
