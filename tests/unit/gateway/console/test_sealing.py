"""The seal of sessions and counts that many look at: asked for once."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from tenacity import wait_none

from gateway.console.sealing import Sealing
from gateway.errors import ApiError, KafkaUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def keys(*given: bytes | Exception) -> tuple[list[int], Callable[[], Awaitable[bytes]]]:
    """How often was asked, and what answers these one after another."""
    asked: list[int] = []

    async def ask() -> bytes:
        asked.append(len(asked))
        answer = given[len(asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return asked, ask


async def test_the_key_is_asked_for_once() -> None:
    """However many log in at a time, and afterwards."""
    asked, ask = keys(b"key")
    sealing = Sealing(ask)

    assert {seal.key for seal in await asyncio.gather(*(sealing() for _ in range(10)))} == {b"key"}
    assert (await sealing()).key == b"key"
    assert len(asked) == 1


async def test_while_it_cannot_be_read_the_console_is_starting() -> None:
    """And asks again until it is there."""
    asked, ask = keys(KafkaUnavailableError("no broker"), b"key")
    sealing = Sealing(ask)
    with pytest.raises(ApiError) as refused:
        await sealing()

    assert (refused.value.status, refused.value.slug) == (503, "starting")
    assert (await sealing()).key == b"key"
    assert len(asked) == 2


async def test_who_comes_while_kafka_is_silent_waits_no_longer_than_some_seconds() -> None:
    """All who come are told so, and one question goes on for all of them: a slow broker answers it in the end."""
    asked, answered = [0], asyncio.Event()

    async def ask() -> bytes:
        asked[0] += 1
        await answered.wait()
        return b"key"

    sealing = Sealing(ask, seconds=0.01)
    for _ in range(3):
        with pytest.raises(ApiError) as refused:
            await sealing()
        assert (refused.value.status, refused.value.slug) == (503, "starting")
    answered.set()

    async with asyncio.timeout(30):
        seal = None
        while seal is None:
            with contextlib.suppress(ApiError):
                seal = await sealing()
    assert seal.key == b"key"
    assert asked == [1]


async def test_it_is_known_before_anybody_comes() -> None:
    """However often it cannot be read at first; then nobody is asked any more."""
    asked, ask = keys(KafkaUnavailableError("no broker"), KafkaUnavailableError("no key"), b"key")
    sealing = Sealing(ask, pauses=wait_none())

    await sealing.learn()

    assert (await sealing()).key == b"key"
    assert len(asked) == 3
