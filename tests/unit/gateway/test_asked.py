"""What is asked once for all who want to know."""

from __future__ import annotations

import asyncio

import pytest

from gateway.asked import AskedOnce


async def test_who_asks_meanwhile_gets_the_same_answer() -> None:
    """Ten at a time cost one question; what is no longer fresh is asked again."""
    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return asked

    always, never = AskedOnce(ask, 3600.0), AskedOnce(ask, -1.0)

    assert await asyncio.gather(*(always() for _ in range(10))) == [1] * 10
    assert await always() == 1
    assert [await never(), await never()] == [2, 3]


async def test_who_hangs_up_takes_the_answer_from_nobody() -> None:
    """The question goes on for the others, and its error is theirs; who comes after it asks anew."""
    asked = asyncio.Event()
    answers: list[int] = []

    async def ask() -> int:
        asked.set()
        await asyncio.sleep(0)
        if not answers:
            raise LookupError
        return answers[0]

    once = AskedOnce(ask, 3600.0)
    gone, stays = asyncio.ensure_future(once()), asyncio.ensure_future(once())
    await asked.wait()
    gone.cancel()

    with pytest.raises(LookupError):
        await stays
    answers.append(7)
    assert await once() == 7


async def test_who_does_not_want_to_wait_gets_what_is_known() -> None:
    """The last answer while it is not too old, for which nothing is asked; None while there is none in time."""
    asked, free = 0, asyncio.Event()

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await free.wait()
        return asked

    once = AskedOnce(ask, -1.0)

    assert await once.lately(3600.0, 0.0) is None
    free.set()
    assert await once.lately(3600.0, 60.0) == 1
    free.clear()
    assert await once.lately(3600.0, 0.0) == 1
    assert asked == 1
    assert await once.lately(-1.0, 0.0) is None
    assert asked == 2
    free.set()
    assert await once() == 2


async def test_what_fails_is_not_known() -> None:
    """None, where nothing was found before, and no complaint of a failure that nobody waits for."""

    async def ask() -> int:
        raise LookupError

    assert await AskedOnce(ask, 3600.0).lately(3600.0, 60.0) is None
