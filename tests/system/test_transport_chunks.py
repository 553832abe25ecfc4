"""Chunks cover their partition exactly, whatever Faust, the log or the disk do with them."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

import aiokafka
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from schemas.exits import ExitCode
from streams.tuning import Tuning
from tests.chaos.kafka import admin, consumer, ends, lines, produce
from tests.chaos.load import counting
from tests.support.waiting import aeventually
from tests.system.workers import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


@pytest.fixture
def bench(settings: SettingsFactory, processes: Processes, tmp_path: Path) -> Bench:
    """A worker on topics of two partitions."""
    return Bench(settings(partitions=2), processes, tmp_path)


def load(bench: Bench, count: int, seed: int = 1) -> None:
    """Append records of many students."""
    records = [(None, one.key, one.value, one.headers) for one in counting(count, random.Random(seed))]  # noqa: S311 - repeatable
    asyncio.run(produce(bench.settings.kafka, bench.topics.raw, records))


@pytest.mark.parametrize("sabotage", ["drop", pytest.param("repeat", marks=pytest.mark.long), "rewind"])
def test_chunks_that_are_dropped_or_repeated_change_nothing(bench: Bench, sabotage: str) -> None:
    """What Faust loses is read again, what it repeats is not processed again, and the order stays."""
    load(bench, 3_000)
    worker = bench.start(sabotage=sabotage, chunk_records=100)
    bench.wait_until_done()
    worker.terminate()
    report = bench.check()

    assert report.is_exact, str(report)
    assert report.records == 3_000
    assert sabotage != "drop" or "are read again" in worker.output


def test_a_trickle_shares_transactions(bench: Bench) -> None:
    """What comes one after another is committed together: of a partition one every fifth of a second at most."""
    bench.start().says("ready", 60)
    kafka, outcomes, began = bench.settings.kafka, bench.topics.outcomes, time.monotonic()
    records: list[Any] = [(0, b"u", b"{}", [])] * 150
    asyncio.run(produce(kafka, bench.topics.raw, records, pause_every=1, pause_s=0.01))
    bench.wait_until_done()
    seconds = time.monotonic() - began

    # Each transaction leaves a marker, which is an offset without a record.
    transactions = asyncio.run(ends(kafka, outcomes, 2))[0] - len(bench.read(outcomes))
    assert 0 < transactions <= 5 * seconds + 2


def test_faust_commits_nothing_of_the_chunked_topic(bench: Bench) -> None:
    """Chunks whose transactions never ended are processed after a kill, though Faust thought that they were done."""
    bench.send([b"{}"] * 100)
    worker = bench.start(sabotage="faust commits", chunk_records=5)
    worker.says("Faust has had its turn")
    worker.kill()
    worker = bench.start()
    bench.wait_until_done()
    worker.terminate()
    report = bench.check()

    assert report.is_exact, str(report)
    assert report.records == 100


@pytest.mark.parametrize("store", ["rocksdb", pytest.param("memory", marks=pytest.mark.long)])
def test_a_crash_between_commit_and_store_is_made_good(bench: Bench, store: str) -> None:
    """The disk fails after a commit: the process ends, the next one has the state of the changelog."""
    load(bench, 2_000)

    assert bench.start(sabotage="disk", chunk_records=50, store=store).process.wait(60) == ExitCode.CHUNK_FAILED

    worker = bench.start(store=store)
    bench.wait_until_done()
    worker.terminate()
    report = bench.check()
    assert report.is_exact, str(report)


def test_stopping_and_starting_in_mid_stream_is_exact(bench: Bench) -> None:
    """SIGTERM ends a busy worker with exit code 0; the next one goes on behind its last chunk."""
    load(bench, 8_000)
    codes = []
    for _ in range(2):
        worker = bench.start(chunk_records=50)
        worker.says("ready", 60)
        codes.append(worker.terminate(45))
        assert not bench.ready_file().exists()
    worker = bench.start()
    bench.wait_until_done()
    codes.append(worker.terminate(45))
    report = bench.check()

    assert codes == [ExitCode.OK] * 3
    assert report.is_exact, str(report)


def test_records_that_retention_deleted_are_passed_over_loudly(bench: Bench) -> None:
    """A log that begins after the committed offset is processed from there, and the worker says what was lost."""
    bench.send([b"{}"] * 100)
    worker = bench.start()
    bench.wait_until_done()
    worker.terminate()
    bench.send([b"{}"] * 100)
    _delete(bench, bench.topics.raw, 150)

    worker = bench.start()
    bench.wait_until_done()
    worker.terminate()
    facts = lines(bench.read(bench.topics.facts))

    assert len(facts) == 150
    assert "were deleted before they were processed" in worker.output
    assert "first_offset=100" in worker.output
    assert "last_offset=149" in worker.output


def _delete(bench: Bench, topic: str, before: int) -> None:
    async def run() -> None:
        async with admin(bench.settings.kafka) as client:
            await client.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=before)})

    asyncio.run(run())


def test_a_marker_that_is_passed_while_nothing_comes_is_no_gap(bench: Bench) -> None:
    """A log that ends in a transaction goes on long after the worker has read all of it."""

    async def transaction() -> None:
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers=bench.settings.kafka, transactional_id=bench.topics.raw)
        await producer.start()
        async with producer.transaction():
            await producer.send(bench.topics.raw, b"{}", key=b"u", partition=0)
        await producer.stop()

    worker = bench.start()
    worker.says("ready", 60)
    for count in (1, 3, 5):
        asyncio.run(transaction())
        bench.wait_until_facts(count)
        asyncio.run(_nothing_comes(bench))
        bench.send([b"{}"])
        bench.wait_until_facts(count + 1)
    assert "are read again" not in worker.output
    worker.terminate()


async def _nothing_comes(bench: Bench) -> None:
    """Let a reader wait for more than comes, thrice as long as the worker's: its fetch has come back empty, too."""
    partition = TopicPartition(bench.topics.raw, 0)
    async with consumer(bench.settings.kafka) as reader:
        reader.assign([partition])
        await reader.seek_to_end(partition)
        assert await reader.getmany(timeout_ms=int(3_000 * Tuning().fetch_wait_s)) == {}


def test_transaction_markers_in_the_raw_topic_are_no_gap(bench: Bench) -> None:
    """A copied raw topic holds markers and aborted records: neither stops the worker nor reaches the core."""

    async def copy() -> None:
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers=bench.settings.kafka, transactional_id=bench.topics.raw)
        await producer.start()
        for number in range(12):
            await producer.begin_transaction()
            for _ in range(5):
                await producer.send(bench.topics.raw, b"{}", key=b"u", partition=0)
            await (producer.abort_transaction() if number % 3 == 2 else producer.commit_transaction())
        await producer.stop()

    asyncio.run(copy())
    worker = bench.start(chunk_records=3)
    bench.wait_until_facts(40)
    worker.terminate()
    report = bench.check()

    assert report.is_exact, str(report)
    assert report.records == 40


def test_state_is_restored_though_its_changelog_ends_in_a_marker(bench: Bench) -> None:
    """A worker without its directory has the whole state back before it goes on."""
    load(bench, 500)
    worker = bench.start()
    bench.wait_until_done()
    worker.terminate()
    load(bench, 500, seed=2)

    worker = bench.start("another")
    bench.wait_until_done()
    worker.terminate()
    report = bench.check()

    assert report.is_exact, str(report)
    assert report.records == 1_000


def test_a_changelog_that_lost_records_stops_the_worker(bench: Bench) -> None:
    """State that cannot be restored is never served half: the worker ends and says what to do."""
    bench.send([b"{}"] * 200)
    worker = bench.start(chunk_records=10)
    bench.wait_until_done()
    worker.terminate()
    _create_anew(bench, bench.topics.changelog)

    worker = bench.start("another")

    assert worker.process.wait(60) == ExitCode.STATE_LOST
    assert "learnpack-telemetry replay" in worker.output


def _create_anew(bench: Bench, topic: str) -> None:
    async def run() -> None:
        async with admin(bench.settings.kafka) as client:
            await client.delete_topics([topic])
            await aeventually(lambda: _is_gone(client, topic))
            await client.create_topics([NewTopic(topic, 2, 1, topic_configs={"cleanup.policy": "compact"})])

    asyncio.run(run())


async def _is_gone(client: AIOKafkaAdminClient, topic: str) -> bool:
    return topic not in await client.list_topics()


def test_large_records_keep_memory_bounded(bench: Bench) -> None:
    """Hundred and fifty megabytes, one when compressed, pass through a worker that may hold sixteen."""
    value = b'{"pad": "%s"}' % (b"x" * 1_000_000)
    records: list[Any] = [(0, b"u", value, [])] * 150
    asyncio.run(produce(bench.settings.kafka, bench.topics.raw, records, compression="gzip"))
    worker = bench.start(chunk_records=5_000, chunk_bytes=4 << 20, memory_bytes=16 << 20)
    worker.says("ready", 60)
    bench.wait_until_done()
    peak = _peak_memory(worker.pid)
    worker.terminate()

    assert bench.check().is_exact
    assert peak < 300 << 20, peak


def test_fetching_waits_while_chunks_wait(bench: Bench) -> None:
    """While transactions are slow the worker holds what it may, and what one more fetch brings, however much waits."""
    limit, chunk = 4 << 20, 1 << 20
    bench.send([b'{"pad": "%s"}' % (b"x" * 500_000)] * 60)
    worker = bench.start(sabotage="slow", chunk_bytes=chunk, memory_bytes=limit)
    bench.wait_until_done()
    worker.terminate()
    held = [int(line.split()[1]) for line in worker.output.splitlines() if line.startswith("held ")]

    assert limit <= max(held) <= limit + 2 * chunk
    assert bench.check().is_exact


def test_the_last_chunks_of_all_partitions_may_be_more_than_the_memory(
    settings: SettingsFactory, processes: Processes, tmp_path: Path
) -> None:
    """A chunk that was processed is let go of though its partition has no other: the other partitions' are fetched."""
    bench = Bench(settings(partitions=4), processes, tmp_path)
    for partition in range(4):
        bench.send([b'{"pad": "%s"}' % (b"x" * 100_000)] * 9, partition=partition)
    worker = bench.start(chunk_bytes=1 << 20, memory_bytes=2 << 20)
    bench.wait_until_done()
    worker.terminate()

    assert bench.check().is_exact


def _peak_memory(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123 - no path of the project
        fields: dict[str, Any] = dict(line.split(":", 1) for line in status)
    return int(fields["VmHWM"].split()[0]) << 10
