"""How far a system's sinks are behind its topics."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from schemas.settings import Settings

__all__ = ["lags_of"]


@asynccontextmanager
async def lags_of(settings: Settings) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """What returns the lag of a system's sinks as often as it is called."""
    own = Topics.of(settings)
    groups = {f"{own.prefix}sink.raw": [own.raw]}
    groups[f"{own.prefix}sink.g{own.generation}"] = [
        own.facts,
        own.outcomes,
        own.scores,
        own.telemetry,
        own.dead_letters,
    ]
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka)
    await admin.start()
    await consumer.start()

    async def lag() -> int:
        behind = 0
        for group, topics in groups.items():
            partitions = [TopicPartition(name, n) for name in topics for n in range(settings.partitions)]
            committed = await admin.list_consumer_group_offsets(group, partitions=partitions)
            for partition, end in (await consumer.end_offsets(partitions)).items():
                behind += end - max(0, committed[partition].offset)
        return behind

    try:
        yield lag
    finally:
        await consumer.stop()
        await admin.close()
