"""Where an archive and the raw topic meet: the topic's ends, and what lies between the two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aiokafka
from aiokafka import TopicPartition

from broker import clients
from operations.raw_log.records import place_of
from schemas.wire.place import split_place
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.settings import Settings

__all__ = ["log_ends", "offsets_between"]

_READ_MS: Final = 500


async def log_ends(settings: Settings, partitions: int) -> dict[int, int]:
    """The offset behind the last record of each partition of the raw topic; raises aiokafka's KafkaError."""
    if not partitions:
        return {}
    async with clients.opened(
        clients.consumer(settings.kafka_options(), isolation_level="read_uncommitted")
    ) as consumer:
        sources = [TopicPartition(Topics.of(settings).raw, number) for number in range(partitions)]
        return {tp.partition: end for tp, end in (await consumer.end_offsets(sources)).items()}


async def offsets_between(settings: Settings, partitions: int, reached: Mapping[int, int]) -> dict[int, int]:
    """How many offsets neither an archive, which `reached` an offset of each partition, nor the topic has.

    Where the topic is a copy itself, its records are counted from the place of their originals. Offsets of a partition
    that the topic begins with records of another one are not known. Raises aiokafka's KafkaError.
    """
    gaps: dict[int, int] = {}
    if not partitions:
        return gaps
    async with clients.opened(
        clients.consumer(
            settings.kafka_options(),
            max_partition_fetch_bytes=settings.max_message_bytes,
        )
    ) as consumer:
        for number in range(partitions):
            tp = TopicPartition(Topics.of(settings).raw, number)
            consumer.assign([tp])
            end = (await consumer.end_offsets([tp]))[tp]
            consumer.seek(tp, (await consumer.beginning_offsets([tp]))[tp])
            records: list[aiokafka.ConsumerRecord] = []
            while not records and await consumer.position(tp) < end:
                records = (await consumer.getmany(tp, timeout_ms=_READ_MS, max_records=1)).get(tp, [])
            if not records:
                # Everything that it had is gone.
                origin, offset = number, end
            else:
                origin, offset = split_place(place_of(number, records[0].offset, records[0].headers))
            if origin in reached and offset > reached[origin]:
                gaps[origin] = offset - reached[origin]
    return gaps
