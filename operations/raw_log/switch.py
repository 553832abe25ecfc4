"""Makes the generation that was computed from a copy of the raw topic the live one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
from aiokafka import TopicPartition

from broker.committed import committed
from broker.partitioning import topic_partitions
from broker.waiting import behind
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
    from aiokafka.admin import AIOKafkaAdminClient

    from schemas.settings import Settings
    from schemas.wire.generations import Journal

__all__ = ["switch"]

_STORE_SECONDS: Final = 60.0
_ASK_SECONDS: Final = 10.0


async def switch(settings: Settings) -> bool:
    """Let readers, and parts that name no generation, use the one of the settings; safe to repeat.

    The one before is not kept for a rollback: it knows another raw topic. Returns False if it was live already.

    Raises RawLogError if the settings name no generation, or the live one while another waits for the switch, or the
    topic lacks what the live one's has, or the generation has not processed everything, RawTopicError if they name a
    generation of another topic, JournalError if another change is under way, and the errors of Kafka and ClickHouse.
    """
    topics = Topics.of(settings)
    async with Lease(settings), JournalWriter(settings) as writer, Offsets(settings) as offsets:
        journal = await finish_interrupted(settings, writer)
        if journal.step is not Phase.IDLE:
            message = "a replay is unfinished: `replay status` shows it, `replay drop` gives it up."
            raise RawLogError(message)
        await _require_named(settings, journal, offsets.admin)
        require_raw_topic(settings, journal)
        await _require_whole(settings, journal, offsets.admin)
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
        return journal.live != topics.generation


async def _require_named(settings: Settings, journal: Journal, admin: AIOKafkaAdminClient) -> None:
    """Raise RawLogError, which names the right settings, where these name no generation, or the live one too early."""
    is_named = "generation" in settings.model_fields_set
    if is_named and settings.generation != journal.live:
        return
    if (copy := journal.copy) is not None:
        topic = f"{settings.topic_prefix}{copy.raw}"
        there = (await topic_partitions(admin)).get(topic, settings.partitions)
        why = f"generation {journal.live} is live already" if is_named else "no generation is named"
        message = (
            f"{why}, nothing was switched: for generation {copy.number}, computed from {topic}, set "
            f"TELEMETRY_RAW_TOPIC={copy.raw} TELEMETRY_PARTITIONS={there} TELEMETRY_GENERATION={copy.number} first."
        )
        raise RawLogError(message)
    if not is_named:
        message = "set TELEMETRY_GENERATION to the generation that was computed from the copy, as `raw copy` prints it."
        raise RawLogError(message)


async def _require_whole(settings: Settings, journal: Journal, admin: AIOKafkaAdminClient) -> None:
    """Raise RawLogError where the live generation's topic has webhooks that were not copied yet: they would be lost.

    A topic that was restored, and no copy was made into it, is taken as it is.
    """
    before, topics = journal.generation(journal.live).raw, Topics.of(settings)
    if before in {None, settings.raw_topic}:
        return
    source = f"{topics.prefix}{before}"
    sources = [TopicPartition(source, number) for number in range((await topic_partitions(admin)).get(source, 0))]
    copied = await committed(admin, topics.copies_into(topics.raw), sources)
    positions = {tp: at.offset for tp, at in copied.items() if at.offset >= 0}
    waiting = [tp for tp, count in (await behind(settings.kafka_options(), positions, _ASK_SECONDS)).items() if count]
    if waiting:
        message = (
            f"{source} has webhooks that {topics.raw} has not: with the settings of before run `learnpack-telemetry "
            f"raw copy {settings.raw_topic} --partitions {settings.partitions}` once more, then this again."
        )
        raise RawLogError(message)
