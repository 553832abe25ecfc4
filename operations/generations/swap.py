"""Putting a generation that has caught up in the place of the live one.

| # | step | a crash after it |
| --- | --- | --- |
| 1 | `paused` is written; the live generation's workers end, and whoever does not is fenced | undone: they go on |
| 2 | where they have committed is read: nothing moves it any more | undone |
| 3 | the target's workers and sinks come as far | undone |
| 4 | `swapping` is written, with those offsets | finished: from here on nothing is missing |
| 5 | the views read the target | finished |
| 6 | completions that nobody has told are, by partition in one transaction (`.telling`) | finished |
| 7 | `swapped` is written: workers and sinks begin again with the target | nothing is left to do |
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from operations.generations.recovery import publish_generation
from schemas.wire.generations import JournalError
from schemas.wire.topics import Topics
from sinks.clickhouse import connect
from sinks.daily.refresh import refresh_since
from sinks.templates import Installation
from streams.transactions import PartitionProducer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from operations.generations.journal import JournalWriter
    from operations.generations.offsets import Offsets
    from operations.generations.telling import Telling
    from schemas.settings import Settings

__all__ = ["bring_days_up", "stored_everything", "swap", "until_left"]

# A worker that is told to stop finishes its chunk; one that hangs is fenced.
_LEAVE_SECONDS: Final = 4.0
_CATCH_UP_SECONDS: Final = 60.0
_MARKERS_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.1


async def swap(
    settings: Settings,
    writer: JournalWriter,
    offsets: Offsets,
    since: datetime,
    *,
    telling: Telling,
    stop_children: Callable[[], Awaitable[None]],
) -> float:
    """Make the journal's target the live generation; returns for how many seconds nothing was processed.

    `since` is a time of ClickHouse's clock at which the target's days were right, `telling` what is told at the end.
    Raises JournalError if the target cannot catch up in a minute, or another process has taken over: the live
    generation goes on then.
    """
    live, target = Topics.of(settings).of_generation(writer.journal.live), _target(settings, writer)
    # Of what may be long, as much as can be read while nobody waits.
    await telling.read(offsets)
    began = time.monotonic()
    await writer.write(writer.journal.paused())
    try:
        await until_left(offsets, live)
        await _fence(settings, live)
        stopped = await offsets.worked(live)
        await _reached(offsets, target, stopped)
        await stored_everything(offsets, target, _CATCH_UP_SECONDS)
        await asyncio.to_thread(bring_days_up, settings, target.generation, since)
    except BaseException:
        # Also when interrupted: nobody may wait for a pause that nobody ends.
        await asyncio.shield(writer.write(writer.journal.undone()))
        raise

    tell = partial(telling.tell, offsets)
    finishing = asyncio.ensure_future(_finish(settings, writer, stopped, stop_children, tell))
    try:
        await asyncio.shield(finishing)
    except asyncio.CancelledError:
        await finishing
        raise
    return time.monotonic() - began


async def _finish(
    settings: Settings,
    writer: JournalWriter,
    stopped: dict[int, int],
    stop_children: Callable[[], Awaitable[None]],
    tell: Callable[[], Awaitable[int]],
) -> None:
    target = _target(settings, writer)
    await writer.write(writer.journal.swapping(stopped))
    await asyncio.gather(asyncio.to_thread(publish_generation, settings, target.generation), stop_children())
    # The target's workers have ended: one that begins again would take its partition back.
    await tell()
    await writer.write(writer.journal.swapped())


def _target(settings: Settings, writer: JournalWriter) -> Topics:
    assert writer.journal.target is not None  # noqa: S101 - whatever swaps has one
    return Topics.of(settings).of_generation(writer.journal.target)


async def until_left(offsets: Offsets, live: Topics) -> None:
    """Wait until a generation's workers have left their group, for a few seconds at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LEAVE_SECONDS):
            while await offsets.members(live.application):  # noqa: ASYNC110 - the broker is asked
                await asyncio.sleep(_POLL_SECONDS)


async def _fence(settings: Settings, live: Topics) -> None:
    """Take every partition away from whoever still believes to own it, and settle what it has begun."""

    async def fence(partition: int) -> None:
        producer = PartitionProducer(live.application, partition, settings.kafka_options(), max_message_bytes=1 << 20)
        try:
            await producer.start()
        finally:
            await producer.stop()

    await asyncio.gather(*map(fence, range(settings.partitions)))


async def _reached(offsets: Offsets, target: Topics, goal: dict[int, int]) -> None:
    """Wait until the target's workers have committed everything below the goal."""
    began = time.monotonic()
    while time.monotonic() - began < _CATCH_UP_SECONDS:
        worked = await offsets.worked(target)
        if all(worked[number] >= end for number, end in goal.items()):
            return
        # Offsets without a record are committed with the next chunk only.
        if time.monotonic() - began > _MARKERS_SECONDS and not await offsets.between(target, worked, goal):
            return
        await asyncio.sleep(_POLL_SECONDS)
    message = (
        f"generation {target.generation} could not catch up within {_CATCH_UP_SECONDS:g} s, so the live one goes on; "
        "look at its log in the data directory, then: replay resume"
    )
    raise JournalError(message)


async def stored_everything(offsets: Offsets, topics: Topics, seconds: float, again: str = "replay resume") -> None:
    """Wait until a generation's sinks have stored all there is now.

    Raises JournalError if that takes longer; `again` is the command that goes on.
    """
    if await offsets.until_stored(topics, seconds):
        return
    message = (
        f"the sinks of generation {topics.generation} have not stored everything within {seconds:g} s; "
        f"look at `status`, then: {again}"
    )
    raise JournalError(message)


def bring_days_up(settings: Settings, generation: int, since: datetime | None) -> datetime:
    """Make a generation's daily figures right; a time of ClickHouse's clock from which on they may be wrong again."""
    installation = Installation.of(settings.model_copy(update={"generation": generation}))
    with contextlib.closing(connect(settings)) as client:
        return refresh_since(client, installation, since)
