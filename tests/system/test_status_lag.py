"""What `status` says is behind."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from broker import clients
from operations.restart_record import RestartRecord, record_file
from operations.topics import setup_topics
from schemas.wire.forwarding import Pause
from schemas.wire.generations import JOURNAL_KEY, Generation, Journal, Phase
from schemas.wire.topics import Topics
from sinks.forward.control import write_pause
from tests.chaos.kafka import produce, transact
from tests.support.commands import command
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from schemas.settings import Settings

pytestmark = pytest.mark.system


def status() -> dict[str, Any]:
    """The page, for scripts."""
    found: dict[str, Any] = orjson.loads(command("status", "--json").out)
    return found


def waits(place: Settings, group: str) -> list[dict[str, Any]]:
    """In which partitions of the raw topic something waits for a group."""
    (found,) = (one for one in status()["lag"] if one["topic"] == Topics.of(place).raw and one["group"] == group)
    assert found["seconds"] == max((one["seconds"] for one in found["partitions"]), default=0)
    partitions: list[dict[str, Any]] = found["partitions"]
    return partitions


def lag() -> dict[tuple[str, str], int]:
    """What is behind, by group and topic."""
    return {(one["group"], one["topic"]): one["lag"] for one in status()["lag"]}


async def commit(place: Settings, group: str, offsets: dict[TopicPartition, int]) -> None:
    """Have a group committed to these offsets, without a member."""
    consumer = AIOKafkaConsumer(**place.kafka_options(), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
    finally:
        await consumer.stop()


async def produce_at(place: Settings, topic: str, partition: int, at: int) -> None:
    """Write a record of an instant in milliseconds."""
    async with clients.opened(clients.producer(place.kafka_options())) as producer:
        await producer.send_and_wait(topic, b"{}", b"k", partition=partition, timestamp_ms=at)


def test_only_records_are_behind_and_only_where_somebody_is_to_read(installed: Settings) -> None:
    """Markers are no lag; groups of kept generations, copies, restores and bad references are not shown."""
    topics = Topics.of(installed)
    raw, facts = TopicPartition(topics.raw, 0), TopicPartition(topics.facts, 1)
    prefix = topics.prefix

    async def prepare() -> None:
        await transact(installed.kafka, topics.raw, [(0, b"k", b"{}"), (0, b"k", b"{}")], commit=True)
        await transact(installed.kafka, topics.raw, [(1, b"k", b"{}")], commit=False)
        await transact(installed.kafka, topics.facts, [(1, b"k", b"{}")], commit=True)
        await commit(installed, topics.application, {raw: 2})
        await commit(installed, f"{prefix}sink.raw", {raw: 1})
        await commit(installed, f"{prefix}sink.g1", {facts: 1})
        for other in ("worker.g1.references", "raw-restore.x", "raw-copy.x", "worker.g7", "sink.g7"):
            await commit(installed, f"{prefix}{other}", {raw: 0})

    asyncio.run(prepare())

    found = lag()

    assert found.pop((f"{prefix}sink.raw", topics.raw)) == 2
    assert set(found.values()) == {0}
    assert set(found) == {
        (topics.application, topics.raw),
        *((f"{prefix}sink.g1", topic) for topic in (topics.facts, topics.outcomes, topics.scores, topics.telemetry)),
        (f"{prefix}sink.g1", topics.dead_letters),
    }


def test_forwarders_have_a_line_each(installed: Settings) -> None:
    """What waits for it, and whether it runs or is paused; nothing is said where none has begun."""
    assert [note for note in status()["notes"] if "forwarder" in note] == []
    topics = Topics.of(installed)

    async def prepare() -> None:
        await produce(installed.kafka, topics.completions, [(0, b"k", b"{}", [])] * 2)
        for name, done in (("chat", 0), ("lms", 2)):
            await commit(installed, topics.forward_group(name), {TopicPartition(topics.completions, 0): done})
        await write_pause(installed, "lms", Pause(reason="it moves", at=1))

    asyncio.run(prepare())

    assert [note for note in status()["notes"] if "forwarder" in note] == [
        "forwarder chat: 2 wait; no process runs",
        "forwarder lms: nothing waits; paused: it moves",
    ]


def test_how_long_the_oldest_has_waited(installed: Settings) -> None:
    """By partition, since the first record that is not read yet was written; not since one that is."""
    topics = Topics.of(installed)
    now = time.time_ns() // 1_000_000

    async def prepare() -> None:
        for partition, minutes in ((0, 600), (0, 60), (1, 5)):
            await produce_at(installed, topics.raw, partition, now - minutes * 60_000)
        await commit(installed, topics.application, {TopicPartition(topics.raw, 0): 1})

    asyncio.run(prepare())

    found = waits(installed, topics.application)
    assert [(one["partition"], one["lag"], int(one["seconds"] / 60)) for one in found] == [(0, 1, 60), (1, 1, 5)]


def test_a_topic_that_was_made_again_is_still_shown(installed: Settings) -> None:
    """Kafka forgets what was committed of a deleted topic; what is in the new one is behind."""
    topics = Topics.of(installed)
    row = (f"{topics.prefix}sink.g1", topics.facts)

    async def make_again() -> None:
        await commit(installed, row[0], {TopicPartition(topics.facts, 0): 0})
        admin = AIOKafkaAdminClient(**installed.kafka_options())
        await admin.start()
        try:
            await admin.delete_topics([topics.facts])

            async def gone() -> bool:
                return topics.facts not in await admin.list_topics()

            await aeventually(gone)
        finally:
            await admin.close()
        assert row not in await asyncio.to_thread(lag)
        await setup_topics(installed)
        await produce(installed.kafka, topics.facts, [(0, None, b"{}", [])] * 3)

    asyncio.run(make_again())

    assert lag()[row] == 3


def test_a_generation_beside_the_live_one_is_shown(installed: Settings) -> None:
    """While it is computed its groups are behind as well, and no process of them runs."""
    generations = (Generation(number=1), Generation(number=2))
    journal = Journal(live=1, last=2, step=Phase.CATCHING_UP, target=2, generations=generations)
    topics = Topics.of(installed)
    other = topics.of_generation(2)
    asyncio.run(setup_topics(installed.model_copy(update={"generation": 2})))
    asyncio.run(produce(installed.kafka, topics.generations, [(0, JOURNAL_KEY, journal.encode(), [])]))

    found = lag()

    assert (other.application, topics.raw) in found
    assert (f"{topics.prefix}sink.g2", other.facts) in found


def test_a_part_that_ends_again_and_again_is_named(installed: Settings) -> None:
    """What `up` knows of its parts is told at once: one that is down, how it ended, and how often the others did."""
    record = RestartRecord(record_file(installed.data))
    record.starting("worker-1", 1)
    record.running("worker-1")
    record.starting("sink", 1)
    record.ended("sink", "exit code 1; its last line: [oops]")
    record.starting("sink", 1)
    record.running("sink")
    for _ in range(2):
        record.ended("worker-1", "signal SIGKILL")

    found = status()
    page = command("status")

    assert found["parts"]["worker"] == "worker-1 ended again: signal SIGKILL"
    assert found["parts"]["sink"] == "no process runs"
    assert found["restarts"]["sink"] == {"count": 1, "last": "exit code 1; its last line: [oops]"}
    assert "restarted: sink once, last: exit code 1; its last line: [oops]\n" in page.out
    record.ended("worker-1", "exit code 72")
    wrong = "worker-1 ends again and again, 3 times in the last 10 minutes: exit code 72"
    assert status()["parts"]["worker"] == wrong
    assert page.code == 1
