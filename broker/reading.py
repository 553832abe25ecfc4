"""Reading a topic from and up to known offsets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition

from broker import clients

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from schemas.settings import Settings

__all__ = ["first_records", "read_cells", "read_topic", "written_ends"]

_READ_MS: Final = 500
_RECORDS: Final = 500
_FETCH_BYTES: Final = 4 << 20


async def read_topic(
    settings: Settings, topic: str, begin: Mapping[int, int], end: Mapping[int, int], advanced: Callable[[int], None]
) -> AsyncIterator[tuple[int, list[Any]]]:
    """Committed records from and up to offsets by partition; `advanced` is told how many offsets were passed."""
    async with clients.opened(
        clients.consumer(
            settings.kafka_options(),
            max_partition_fetch_bytes=max(_FETCH_BYTES, settings.max_message_bytes),
        )
    ) as reader:
        for number, goal in end.items():
            source = TopicPartition(topic, number)
            reader.assign([source])
            position = max((await reader.beginning_offsets([source]))[source], begin.get(number, 0))
            reader.seek(source, position)
            while position < goal:
                batch = await reader.getmany(source, timeout_ms=_READ_MS, max_records=_RECORDS)
                before, position = position, await reader.position(source)
                yield number, [record for record in batch.get(source, ()) if record.offset < goal]
                advanced(min(position, goal) - before)
                # What is there already is handed over without a pause; the lease has to be kept meanwhile.
                await asyncio.sleep(0)


async def read_cells(
    settings: Settings, topic: str, begin: Mapping[int, int], end: Mapping[int, int]
) -> AsyncIterator[tuple[int, list[tuple[bytes, bytes | None]]]]:
    """The same of a topic that holds a table: keys and values, in the order in which they were written."""
    async for number, records in read_topic(settings, topic, begin, end, lambda _: None):
        yield number, [(record.key, record.value) for record in records if record.key is not None]


async def first_records(settings: Settings, topic: str, partitions: int) -> dict[int, tuple[Any | None, int]]:
    """The first committed record of each partition, None where there is none, and where the partition ends.

    Raises aiokafka's KafkaError.
    """
    found: dict[int, tuple[Any | None, int]] = {}
    if not partitions:
        return found
    async with clients.opened(
        clients.consumer(settings.kafka_options(), max_partition_fetch_bytes=settings.max_message_bytes)
    ) as reader:
        for number in range(partitions):
            source = TopicPartition(topic, number)
            reader.assign([source])
            end = (await reader.end_offsets([source]))[source]
            reader.seek(source, (await reader.beginning_offsets([source]))[source])
            records: list[Any] = []
            while not records and await reader.position(source) < end:
                records = (await reader.getmany(source, timeout_ms=_READ_MS, max_records=1)).get(source, [])
            found[number] = (records[0] if records else None, end)
    return found


async def written_ends(settings: Settings, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """How far partitions are written, by number; none of a topic that is not there. Raises KafkaError and OSError.

    For who reads what is committed the end is where the first open transaction begins, and behind that there may be
    others that are over: whoever reads up to these waits for all that were open.
    """
    async with clients.opened(clients.consumer(settings.kafka_options(), isolation_level="read_uncommitted")) as reader:
        # One that is not there nobody would ever tell the end of.
        if topic not in await reader.topics():
            return {}
        ends = await reader.end_offsets([TopicPartition(topic, number) for number in partitions])
    return {source.partition: end for source, end in ends.items()}
