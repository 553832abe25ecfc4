"""Single records of Kafka, by their place."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from broker import clients
from broker.partitioning import topic_partitions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiokafka.admin import AIOKafkaAdminClient

    from schemas.settings import Settings

__all__ = ["RecordReader", "open_reader"]

_TIMEOUT_SECONDS: Final = 15.0


class RecordReader:
    """Reads committed records one at a time."""

    def __init__(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> None:
        """Use a started read_committed consumer without assignment and a started admin, the caller's to stop."""
        self._consumer = consumer
        self._admin = admin
        self._partitions: dict[str, int] = {}

    async def begin(self, topic: str, partition: int) -> int | None:
        """The offset at which a partition begins, None where there is no such one; raises aiokafka's KafkaError."""
        if topic not in self._partitions:
            self._partitions = await topic_partitions(self._admin)
        if partition >= self._partitions.get(topic, 0):
            return None
        source = TopicPartition(topic, partition)
        begin: int = (await self._consumer.beginning_offsets([source]))[source]
        return begin

    async def fetch(self, topic: str, partition: int, offset: int) -> Any | None:
        """The record at an offset, as aiokafka gives it; None where there is no committed one (any more).

        Raises aiokafka's KafkaError, and TimeoutError if the broker does not hand it over in 15 s.
        """
        begin = await self.begin(topic, partition)
        if begin is None:
            return None
        consumer, source = self._consumer, TopicPartition(topic, partition)
        consumer.assign([source])
        end = (await consumer.end_offsets([source]))[source]
        if not begin <= offset < end:
            return None
        consumer.seek(source, offset)
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            while await consumer.position(source) <= offset:
                for records in (await consumer.getmany(source, timeout_ms=500, max_records=1)).values():
                    return records[0] if records[0].offset == offset else None
        return None


@contextlib.asynccontextmanager
async def open_reader(settings: Settings) -> AsyncIterator[RecordReader]:
    """A reader for a while; raises aiokafka's KafkaError."""
    options = settings.kafka_options()
    fetch = max(1 << 20, settings.max_body_bytes)
    async with (
        clients.opened(clients.consumer(options, max_partition_fetch_bytes=fetch)) as consumer,
        clients.opened(clients.admin(options)) as admin,
    ):
        yield RecordReader(consumer, admin)
