"""The topic that a copy goes into: created, and its offsets moved past those that the copy's ids name.

A new record's id is its partition and offset. In a fresh topic those begin at 0 again and would repeat the ids of the
records that were copied. So the partitions that the source has, too, are filled up to beyond the source's end with
empty records, which are deleted at once; compressed they cost next to nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete

from broker import clients
from broker.partitioning import topic_partitions
from operations.raw_log.errors import name_taken
from operations.retention import as_topics_keep
from operations.topics import await_leaders
from operations.wording import counted
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.settings import Settings

__all__ = ["MARGIN", "create_target"]

# What the source may still grow by until the copy is finished.
MARGIN: Final = 1_000_000
_FILLER_MS: Final = 0
# Before compression. A record takes 9 bytes, and 6 bits of them are left by zstd, which is a hundred times as fast as
# gzip at it: a million offsets take a quarter of a second.
_BATCH_BYTES: Final = 2 << 20


async def create_target(
    settings: Settings,
    target: str,
    partitions: int,
    ends: Mapping[int, int],
    progress: Callable[[int, int], None] = lambda _filled, _of: None,
) -> None:
    """Create the topic with raw's configuration, or go on with one that was begun.

    `ends` are the source's, by partition; `progress` is told how many offsets are filled, of how many.

    Raises RawLogError where the topic exists with another number of partitions or with records, and aiokafka's
    KafkaError.
    """
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        known = await topic_partitions(admin)
        kept = await as_topics_keep(settings, admin, known)
        (spec,) = (spec for spec in Topics.of(settings).specs(kept) if spec.name == Topics.of(settings).raw)
        if present := known.get(target):
            if present != partitions:
                # Whoever may choose how many is told so before; an import may not.
                raise name_taken(target, f"it has {counted(present, 'partition')}, not {partitions}")
            await _refuse_records(settings, target, partitions)
        else:
            await admin.create_topics([NewTopic(target, partitions, spec.replication, topic_configs=spec.config)])
            await await_leaders(admin, [target])
        goals = {TopicPartition(target, number): end + MARGIN for number, end in ends.items()}
        filled: dict[TopicPartition, int] = {}

        def tell(tp: TopicPartition, offset: int) -> None:
            filled[tp] = offset
            progress(sum(filled.values()), sum(goals.values()))

        await asyncio.gather(*(_fill(settings, tp, goal, tell) for tp, goal in goals.items()))
        await admin.delete_records({tp: RecordsToDelete(goal) for tp, goal in goals.items()})


async def _refuse_records(settings: Settings, target: str, partitions: int) -> None:
    """Kafka forgets after a week how far a copy was that nobody went on with: then it cannot be gone on with."""
    async with clients.opened(
        clients.consumer(settings.kafka_options(), isolation_level="read_uncommitted")
    ) as consumer:
        filled = [TopicPartition(target, number) for number in range(partitions)]
        # What fills it has the timestamp 0. It may begin anywhere: retention removes that also during the filling.
        first_records = await consumer.offsets_for_times(dict.fromkeys(filled, _FILLER_MS + 1))
    if any(first_records.values()):
        raise name_taken(target, "it has records, and Kafka no longer knows of which copy")


async def _fill(settings: Settings, tp: TopicPartition, goal: int, tell: Callable[[TopicPartition, int], None]) -> None:
    options: dict[str, Any] = settings.kafka_options()
    async with (
        clients.opened(clients.consumer(options, isolation_level="read_uncommitted")) as consumer,
        clients.opened(clients.producer(options, compression_type="zstd", max_batch_size=_BATCH_BYTES)) as producer,
    ):
        missing = goal - (await consumer.end_offsets([tp]))[tp]
        tell(tp, goal - max(0, missing))
        while missing > 0:
            batch = producer.create_batch()
            while missing > 0 and batch.append(timestamp=_FILLER_MS, key=None, value=None) is not None:
                missing -= 1
            await (await producer.send_batch(batch, tp.topic, partition=tp.partition))
            tell(tp, goal - missing)
