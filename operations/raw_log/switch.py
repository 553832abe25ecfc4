"""Makes the generation that was computed from a copy of the raw topic the live one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from operations.generations.journal import JournalWriter
from operations.generations.lease import Lease
from operations.generations.offsets import Offsets
from operations.generations.raw_topic import require_raw_topic
from operations.generations.recovery import finish_interrupted, publish_generation
from operations.generations.swap import bring_days_up, stored_everything
from operations.raw_log.errors import RawLogError
from schemas.wire.generations import Phase
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["switch"]

_STORE_SECONDS: Final = 60.0


async def switch(settings: Settings) -> None:
    """Let readers, and parts that name no generation, use the one of the settings; safe to repeat.

    The one before is not kept for a rollback: it knows another raw topic.

    Raises RawLogError if the settings name no generation or it has not processed everything, RawTopicError if they name
    a generation of another topic, JournalError if another change is under way, and the errors of Kafka and ClickHouse.
    """
    if "generation" not in settings.model_fields_set:
        message = "set TELEMETRY_GENERATION to the generation that was computed from the copy."
        raise RawLogError(message)
    topics = Topics.of(settings)
    async with Lease(settings), JournalWriter(settings) as writer, Offsets(settings) as offsets:
        journal = await finish_interrupted(settings, writer)
        if journal.step is not Phase.IDLE:
            message = "a replay is unfinished: `replay status` shows it, `replay drop` gives it up."
            raise RawLogError(message)
        require_raw_topic(settings, journal)
        ends = await offsets.ends_in(topics.raw)
        if await offsets.between(topics, await offsets.worked(topics), ends):
            message = f"generation {topics.generation} has not processed all of {topics.raw} yet: see `status`."
            raise RawLogError(message)
        await stored_everything(offsets, topics, _STORE_SECONDS)
        await asyncio.to_thread(bring_days_up, settings, topics.generation, None)
        await asyncio.to_thread(publish_generation, settings, topics.generation)
        computed = msgspec.structs.replace(
            journal.generation(topics.generation), raw=settings.raw_topic, by_settings=False
        )
        others = tuple(generation for generation in journal.generations if generation.number != topics.generation)
        await writer.write(
            msgspec.structs.replace(
                journal,
                live=topics.generation,
                previous=None,
                last=max(journal.last, topics.generation),
                generations=(*others, computed),
            )
        )
