"""Nobody waits for ever, and instants are written so that everybody can read them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from gateway.in_time import in_time
from gateway.reading.shown import iso_instant
from gateway.reading.store import ReadError
from gateway.reading.timed_routes import unread
from gateway.reading.turns import BusyError, Turns


async def test_what_takes_too_long_is_ended() -> None:
    """With the error of a store that does not answer."""
    with pytest.raises(ReadError, match="no answer within"):
        await in_time(asyncio.Event().wait(), 0.001, unread)


async def test_what_is_in_time_is_left_alone() -> None:
    """And so is whatever else ran out of its own time."""

    async def late() -> None:
        raise TimeoutError

    assert await in_time(asyncio.sleep(0, result=7), refusal=unread) == 7
    with pytest.raises(TimeoutError):
        await in_time(late(), refusal=unread)


async def test_one_after_another() -> None:
    """Who comes when enough wait is turned away."""
    turns, free = Turns(1, 1), asyncio.Event()

    async def work() -> None:
        async with turns.turn():
            await free.wait()

    working = [asyncio.ensure_future(work()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError):
        await work()
    free.set()
    await asyncio.gather(*working)


@pytest.mark.parametrize("year", [1, 999, 2026, 9999])
def test_instants_of_any_year_can_be_read(year: int) -> None:
    """Clients' clocks may say anything."""
    text = iso_instant(datetime(year, 2, 3, 4, 5, 6, 789_999, UTC))

    assert text == f"{year:04}-02-03T04:05:06.789Z"
    assert datetime.fromisoformat(text).year == year
