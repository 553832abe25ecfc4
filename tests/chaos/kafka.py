"""Topics, records and offsets, for tests of the worker."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from schemas.wire.topics import Topics
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from schemas.settings import Settings

__all__ = [
    "admin",
    "committed",
    "consumer",
    "create_topics",
    "ends",
    "is_caught_up",
    "lines",
    "members",
    "produce",
    "read_all",
    "transact",
]

Headers = list[tuple[str, bytes]]

_PATIENCE_MS = 120_000


@contextlib.asynccontextmanager
async def admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def create_topics(settings: Settings) -> Topics:
    """Create every topic that the settings name, and wait until each has its leaders."""
    topics = Topics.of(settings)
    specs = topics.specs(settings)
    async with admin(settings.kafka) as client:
        await client.create_topics(
            [NewTopic(one.name, one.partitions, one.replication, topic_configs=one.config) for one in specs]
        )
    async with consumer(settings.kafka) as reader:
        wanted = [TopicPartition(one.name, number) for one in specs for number in range(one.partitions)]
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(KafkaError):
                    await reader.end_offsets(wanted)
                    return topics


async def ends(kafka: str, topic: str, partitions: int) -> list[int]:
    """How far each partition of a topic is written, by who has committed and who has not yet.

    What a transaction wrote is seen by readers some moments after its producer has heard that it is over.
    """
    wanted = [TopicPartition(topic, number) for number in range(partitions)]
    async with consumer(kafka, isolation_level="read_uncommitted") as reader:
        found = await reader.end_offsets(wanted)
    return [found[tp] for tp in wanted]


@contextlib.asynccontextmanager
async def consumer(kafka: str, isolation_level: str = "read_committed") -> AsyncIterator[aiokafka.AIOKafkaConsumer]:
    """A connected consumer that reads committed records, or all."""
    client = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=kafka,
        isolation_level=isolation_level,
        enable_auto_commit=False,
        max_partition_fetch_bytes=8 << 20,
    )
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def produce(
    kafka: str,
    topic: str,
    records: Iterable[tuple[int | None, bytes | None, bytes | None, Headers]],
    *,
    pause_every: int = 0,
    pause_s: float = 0.0,
    timestamps: Iterable[int] | None = None,
    compression: str | None = None,
) -> None:
    """Send records of partition, key, value and headers, with `acks=all`, at a measured pace if asked."""
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=kafka,
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        max_request_size=16 << 20,
        compression_type=compression,
        # A broker that was killed may take longer to be back than aiokafka would wait.
        request_timeout_ms=_PATIENCE_MS,
    )
    await producer.start()
    try:
        times = iter(timestamps) if timestamps is not None else None
        sent = []
        for index, (partition, key, value, headers) in enumerate(records, 1):
            at = next(times) if times is not None else None
            sent.append(
                await producer.send(topic, value, key=key, partition=partition, headers=headers, timestamp_ms=at)
            )
            if pause_every and index % pause_every == 0:
                await asyncio.sleep(pause_s)
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def transact(
    kafka: str, topic: str, records: Iterable[tuple[int, bytes | None, bytes | None]], *, commit: bool
) -> None:
    """Send records of partition, key and value in one transaction, which ends in a marker in each partition.

    They are there when it returns: the broker says that a transaction is over before it has written them.
    """
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=f"{topic}.transaction")
    await producer.start()
    try:
        await producer.begin_transaction()
        sent = {}
        for partition, key, value in records:
            found = await producer.send_and_wait(topic, value, key=key, partition=partition)
            sent[TopicPartition(topic, partition)] = found.offset
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    finally:
        await producer.stop()
    async with consumer(kafka) as reader:

        async def over() -> bool:
            # To readers of what is committed the log ends where a transaction begins that is not over.
            return all(sent[place] < end for place, end in (await reader.end_offsets(list(sent))).items())

        await aeventually(over, 60, "the transaction's end")


async def _read_partition(reader: aiokafka.AIOKafkaConsumer, tp: TopicPartition, end: int) -> list[Any]:
    reader.assign([tp])
    begin = (await reader.beginning_offsets([tp]))[tp]
    reader.seek(tp, begin)
    records: list[Any] = []
    async with asyncio.timeout(120):
        while await reader.position(tp) < end:
            for found in (await reader.getmany(tp, timeout_ms=500)).values():
                records += [record for record in found if record.offset < end]
    return records


async def read_all(kafka: str, topic: str, partitions: int) -> list[list[Any]]:
    """Every committed record of a topic, by partition, in order; waits for transactions that are under way."""
    written = await ends(kafka, topic, partitions)
    async with consumer(kafka) as reader:
        return [await _read_partition(reader, TopicPartition(topic, number), end) for number, end in enumerate(written)]


def lines(records: Iterable[Any]) -> list[bytes]:
    """The JSON lines of packed messages."""
    return [line for record in records for line in record.value.split(b"\n")]


async def committed(kafka: str, group: str, topic: str, partitions: int) -> dict[int, int]:
    """The group's committed offsets, 0 where there is none."""
    async with admin(kafka) as client:
        found = await client.list_consumer_group_offsets(group)
    return {
        number: max(getattr(found.get(TopicPartition(topic, number)), "offset", 0), 0) for number in range(partitions)
    }


async def members(kafka: str, group: str) -> int:
    """How many members a group has; 0 while it is about to share its partitions anew, or has none."""
    async with admin(kafka) as client:
        (answer,) = await client.describe_consumer_groups([group])
    _, _, state, _, _, found, *_ = answer.groups[0]
    return len(found) if state == "Stable" else 0


async def is_caught_up(settings: Settings) -> bool:
    """Whether everything in the raw topic is committed by the worker's group."""
    topics = Topics.of(settings)
    done = await committed(settings.kafka, topics.application, topics.raw, settings.partitions)
    async with consumer(settings.kafka) as reader:
        ends = await reader.end_offsets([TopicPartition(topics.raw, number) for number in range(settings.partitions)])
    return all(done[tp.partition] >= end for tp, end in ends.items())
