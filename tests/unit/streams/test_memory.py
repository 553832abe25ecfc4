"""The budget of fetched bytes."""

from __future__ import annotations

import asyncio

from streams.chunk import Chunk
from streams.memory import MemoryBudget


async def test_fetching_waits_until_chunks_are_gone() -> None:
    """A chunk counts while anybody holds it, whoever drops it last."""
    budget = MemoryBudget(100)
    held = [Chunk("raw", 0, at, at + 1, [], 60) for at in range(2)]
    for chunk in held:
        budget.add(chunk)
    del chunk
    waiting = asyncio.create_task(budget.room())
    await asyncio.sleep(0)
    assert not waiting.done()

    held.pop()
    await asyncio.wait_for(waiting, 5)

    assert budget.held == 60
