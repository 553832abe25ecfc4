"""Replacing some students in the live generation while its workers wait.

| # | step | a crash after it |
| --- | --- | --- |
| 1 | `patching` is written; the workers end, and whoever does not is fenced; sinks go on | undone: they go on |
| 2 | where they have committed is read, the students are recomputed up to there and compared | undone |
| 3 | rows and state of each partition are written, all of one in one transaction | its students are whole |
| 4 | `patching` is ended: the workers come back and restore their state from the changelog | nothing is left to do |
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition

from operations.generations.swap import until_left
from schemas.wire.topics import Topics
from streams.offsets import committed
from streams.transactions import PartitionProducer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from operations.generations.journal import JournalWriter
    from operations.generations.offsets import Offsets
    from schemas.settings import Settings
    from streams.messages import Message

__all__ = ["patch"]

# All of the students' rows on a partition are one transaction, however many they are.
_TRANSACTION_MS: Final = 300_000


async def patch(
    settings: Settings,
    writer: JournalWriter,
    offsets: Offsets,
    prepare: Callable[[dict[int, int]], Awaitable[Mapping[TopicPartition, Sequence[Message]]]],
) -> float:
    """Write what `prepare` makes of the raw offsets at which the workers stopped; for how many seconds they waited.

    `settings` name the live generation. Raises JournalError if another process has taken over, aiokafka's KafkaError,
    and what `prepare` raises; partitions that were committed by then stay, and to do it again does the others.
    """
    began = time.monotonic()
    topics = Topics.of(settings)
    await writer.write(writer.journal.patching(await offsets.ends_in(topics.outcomes)))
    try:
        await until_left(offsets, topics)
        await _replace(settings, topics, offsets, prepare)
    finally:
        # Also when interrupted: nobody may wait for a pause that nobody ends.
        await asyncio.shield(writer.write(writer.journal.unpaused()))
    return time.monotonic() - began


async def _replace(
    settings: Settings,
    topics: Topics,
    offsets: Offsets,
    prepare: Callable[[dict[int, int]], Awaitable[Mapping[TopicPartition, Sequence[Message]]]],
) -> None:
    options, limit = settings.kafka_options(), settings.max_message_bytes
    producers = [
        PartitionProducer(topics.application, number, options, max_message_bytes=limit, timeout_ms=_TRANSACTION_MS)
        for number in range(settings.partitions)
    ]
    async with contextlib.AsyncExitStack() as running:
        for producer in producers:
            running.push_async_callback(producer.stop)
        # Takes every partition away from whoever still believes to own it, and settles what it has begun.
        await asyncio.gather(*(producer.start() for producer in producers))
        raw = [TopicPartition(topics.raw, number) for number in range(settings.partitions)]
        checkpoints = await committed(options, topics.application, raw)
        begins = await offsets.begins(topics)
        stopped = {tp.partition: max(checkpoints[tp].offset or 0, begins[tp.partition]) for tp in raw}
        outgoing = await prepare(stopped)
        for tp, producer in zip(raw, producers, strict=True):
            of_partition = {to: messages for to, messages in outgoing.items() if to.partition == tp.partition}
            if of_partition:
                checkpoint = checkpoints[tp]
                await producer.commit(of_partition, tp, stopped[tp.partition], checkpoint.metadata)
