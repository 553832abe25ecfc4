"""The seal of sessions and counts that many look at: asked for once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

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
