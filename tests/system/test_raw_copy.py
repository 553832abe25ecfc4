"""Copies of the raw topic: the same ids, and the same tables from any number of partitions."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete

from broker import clients
from operations.raw_log.copying import copy_raw
from operations.raw_log.errors import RawLogError
from operations.raw_log.progress import restored_until
from operations.topics import await_leaders
from schemas.wire.topics import Topics
from streams.core.completions import Told, remembering
from streams.core.store import told_key
from tests.chaos.kafka import admin, is_caught_up, produce, read_all
from tests.chaos.load import webhooks
from tests.support.arrived import in_every_table
from tests.support.commands import as_environment, command
from tests.support.core import MORNING
from tests.support.generations import TABLES, Generation, rows_of
from tests.support.raw_log import FAST_CLI, MARGIN, all_stored, ids, long_kept, send, written_beyond
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from aiokafka.admin import AIOKafkaAdminClient
    from clickhouse_connect.driver.client import Client

    from operations.raw_log.progress import Restored
    from schemas.settings import Settings
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


@pytest.fixture
def own(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two partitions, and tables that keep the load's days; commands use them, too."""
    return long_kept(settings, monkeypatch)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few records that fill a copy."""
    monkeypatch.setattr("operations.raw_log.target.MARGIN", MARGIN)


def test_more_partitions_give_the_same_ids_and_the_same_tables(
    own: Settings,
    processes: Processes,
    clickhouse: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a second generation makes of a copy into four partitions is what the first made of two, row for row."""
    first = Generation(own, processes, tmp_path)
    first.setup()
    send(own, 400)
    first.start()
    count = len({identity for identity, *_ in ids(own)})
    in_every_table(own)
    first.stop()

    copied = command("raw", "copy", "webhooks.raw.4", "--partitions", 4)

    assert (copied.code, copied.out) == (
        0,
        (
            "405 records copied, 0 left out.\n"
            "To use it: TELEMETRY_RAW_TOPIC=webhooks.raw.4 TELEMETRY_PARTITIONS=4 TELEMETRY_GENERATION=2\n"
        ),
    )
    settings = own.model_copy(update={"raw_topic": "webhooks.raw.4", "partitions": 4, "generation": 2})
    assert ids(settings) == ids(own)
    places = asyncio.run(read_all(own.kafka, Topics.of(settings).raw, 4))
    assert all(places)

    second = Generation(settings, processes, tmp_path)
    for name, value in second.environment.items():
        monkeypatch.setenv(name, value)
    assert f"topic {Topics.of(own).completions} has 4 partitions\n" in second.setup()
    second.start()
    all_stored(clickhouse, f"{own.database}_g2", "webhooks", count)
    in_every_table(settings)
    later = f"{own.database}_g2"
    for table in TABLES:
        expected = rows_of(clickhouse, f"{own.database}_g1", table)
        assert expected
        assert rows_of(clickhouse, later, table) == expected
    assert clickhouse.command(f"SELECT uniqExact(id) FROM {own.database}.raw") == count

    # A webhook is elsewhere in the copy, and what it wrote is still its own.
    newest = clickhouse.command(
        f"SELECT max(id) FROM {later}.webhooks FINAL WHERE version IN (SELECT version FROM {later}.scores FINAL)"
    )
    traced = command("trace", newest)
    assert traced.code == 0, traced.err
    assert ("state of this webhook's" in traced.out, "which came before" in traced.out) == (True, False), traced.out
    switched = command("raw", "switch")
    assert (switched.code, switched.out) == (
        0,
        (
            f"Generation 2 is live, from {Topics.of(settings).raw}.\n"
            "With `up`: Ctrl-C, and start it again in a fresh terminal, with none of the settings: it knows them.\n"
            "On a cluster: keep TELEMETRY_RAW_TOPIC=webhooks.raw.4 TELEMETRY_PARTITIONS=4 for all parts and commands; "
            "TELEMETRY_GENERATION may be unset now.\n"
        ),
    ), switched.err
    assert clickhouse.command(f"SELECT generation FROM {own.database}.live_generation") == 2
    monkeypatch.delenv("TELEMETRY_GENERATION")
    assert orjson.loads(command("replay", "status", "--json").out)["live"] == 2

    # A student goes on: the new ids are new, and later than those of the copies.
    before = {key: max(place for place, other, *_ in ids(own) if other == key) for key in (b"20001", b"20002")}
    event = b'{"event": "open_step", "slug": "late", "user_id": %b, "telemetry_id": "new"}'
    produced: list[tuple[int | None, bytes, bytes, Any]] = [(None, key, event % key, []) for key in before]
    asyncio.run(produce(own.kafka, Topics.of(settings).raw, produced))
    after = {key: max(place for place, other, *_ in ids(settings) if other == key) for key in before}
    assert all(after[key] > before[key] for key in before)
    assert len({identity for identity, *_ in ids(settings)}) == count + 2
    all_stored(clickhouse, f"{own.database}_g2", "webhooks", count + 2)


def test_completions_are_not_told_again_by_the_generation_of_a_copy(
    own: Settings, processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells what is new; what was told by then is not told again, whoever the students are."""

    def finished(user: str, *, last: int) -> tuple[int | None, bytes, bytes, Any]:
        step = {"slug": "01", "position": 0, "opened_at": MORNING, "completed_at": MORNING + 1_000}
        run = {"telemetry_id": f"run-{user}", "user_id": user, "slug": "lists", "tutorial_started_at": MORNING}
        document = run | {"last_interaction_at": MORNING + last, "steps": [step], "workout_session": []}
        return None, user.encode(), orjson.dumps(document), []

    def told(settings: Settings) -> list[bytes]:
        found = asyncio.run(read_all(settings.kafka, Topics.of(settings).completions, settings.partitions))
        return sorted(record.key for part in found for record in part)

    def caught_up(settings: Settings) -> None:
        eventually(lambda: asyncio.run(is_caught_up(settings)), 60, "the worker")

    students = [*map(str, range(700, 712)), "ada@example.com"]
    first = Generation(own, processes, tmp_path)
    first.setup()
    topic = Topics.of(own).raw
    asyncio.run(produce(own.kafka, topic, [finished(user, last=60_000) for user in students]))
    first.start("worker")
    caught_up(own)
    first.stop()
    before = told(own)
    assert len(before) == len(students)
    assert command("raw", "copy", "webhooks.raw.4", "--partitions", 4).code == 0

    settings = own.model_copy(update={"raw_topic": "webhooks.raw.4", "partitions": 4, "generation": 2})
    second = Generation(settings, processes, tmp_path)
    for name, value in second.environment.items():
        monkeypatch.setenv(name, value)
    assert "generation 2 knows whose completions were told: 13 students\n" in second.setup()
    assert "told" not in second.setup()
    records = [finished(user, last=70_000) for user in (*students, "712")]
    asyncio.run(produce(own.kafka, Topics.of(settings).raw, records))
    second.start("worker")
    caught_up(settings)

    assert told(settings) == sorted([*before, b"712:lists"])

    # Who goes back to the live generation in between, which tells on, and forth again.
    second.stop()
    later = remembering(Told(remembered={told_key("713"): {"lists": []}}), Told())["713"]
    asyncio.run(produce(own.kafka, Topics.of(own).changelog, [(0, *later, [])]))
    assert "generation 2 knows whose completions were told: 1 student\n" in second.setup()
    assert "told" not in second.setup()
    caught_up(settings)


@pytest.mark.usefixtures("fast")
def test_a_copy_that_is_killed_goes_on_and_copies_nothing_twice(
    own: Settings, processes: Processes, tmp_path: Path
) -> None:
    """Killed at random moments and run again while the source grows, it holds each record once, in its order."""
    Generation(own, processes, tmp_path).setup()
    rnd = random.Random(int(time.time()))  # noqa: S311 - printed on failure by its effect alone
    load = list(webhooks(3_000, rnd, students=30))
    topic = Topics.of(own).raw
    records = [(None, one.key, one.value, one.headers) for one in load]
    asyncio.run(produce(own.kafka, topic, records[:2_000]))
    arguments = [sys.executable, "-c", FAST_CLI, "raw", "copy", "webhooks.raw.b"]
    for number in range(6):
        child = processes.start(arguments, as_environment(own))
        # At first as soon as it is being filled.
        wanted = rnd.randint(0, 400 * number) if number else -2 * MARGIN - 2_000
        eventually(lambda: child.process.poll() is not None or written_beyond(own, "webhooks.raw.b", wanted), 60)  # noqa: B023
        child.kill()
        asyncio.run(produce(own.kafka, topic, records[2_000 + 150 * number : 2_000 + 150 * (number + 1)]))
    asyncio.run(produce(own.kafka, topic, records[2_900:]))

    assert command("raw", "copy", "webhooks.raw.b").code == 0

    copy = own.model_copy(update={"raw_topic": "webhooks.raw.b"})
    assert ids(copy) == ids(own)
    assert Counter(identity for identity, *_ in ids(copy)).most_common(1)[0][1] == 1
    for one, other in zip(
        asyncio.run(read_all(own.kafka, topic, 2)),
        asyncio.run(read_all(own.kafka, Topics.of(copy).raw, 2)),
        strict=True,
    ):
        assert [record.value for record in one] == [record.value for record in other]


@pytest.mark.usefixtures("fast")
def test_a_copy_that_was_killed_while_it_is_filled_goes_on_after_retention(
    own: Settings, processes: Processes, tmp_path: Path
) -> None:
    """Retention may remove what fills a topic before all is filled; a record that nobody knows of is refused."""
    Generation(own, processes, tmp_path).setup()
    asyncio.run(produce(own.kafka, Topics.of(own).raw, [(None, b"7", b'{"user_id": 7, "slug": "a"}', [])]))
    half = own.model_copy(update={"raw_topic": "half"})
    other = own.model_copy(update={"raw_topic": "other"})
    for settings in (half, other):
        asyncio.run(_half_filled(settings))
    asyncio.run(produce(own.kafka, Topics.of(other).raw, [(1, b"8", b"{}", [])]))
    told: list[tuple[int, int]] = []

    asyncio.run(copy_raw(own, Topics.of(half).raw, 2, progress=lambda done: told.append((done.filled, done.to_fill))))

    assert ids(half) == ids(own)
    assert told[-1] == (2 * MARGIN + 1, 2 * MARGIN + 1)
    refused = command("raw", "copy", "other")
    assert (refused.code, "other is taken: it has records, and Kafka no longer knows" in refused.complaint) == (1, True)


@pytest.mark.usefixtures("fast")
def test_a_copy_that_another_one_takes_over_says_so(own: Settings, processes: Processes, tmp_path: Path) -> None:
    """The later one finishes; the earlier one ends with a line that names it."""
    Generation(own, processes, tmp_path).setup()
    asyncio.run(produce(own.kafka, Topics.of(own).raw, [(None, b"7", b'{"user_id": 7, "slug": "a"}', [])]))
    target = Topics.of(own).raw + ".twice"

    def another(_: Any) -> bool:
        """Stand still in the middle of a run of records until another run of the command has taken over."""
        child = processes.start([sys.executable, "-c", FAST_CLI, "raw", "copy", "webhooks.raw.twice"])
        assert child.process.wait(60) == 0
        return True

    with pytest.raises(RawLogError, match=r"another restore or copy into .* has taken over"):
        asyncio.run(copy_raw(own, target, 2, keep=another))

    assert len(ids(own.model_copy(update={"raw_topic": "webhooks.raw.twice"}))) == 1


@pytest.mark.usefixtures("fast")
def test_what_an_earlier_run_commits_until_it_is_fenced_is_not_copied_again(
    own: Settings, processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How far a copy is counts only once nobody else can go on with it."""
    Generation(own, processes, tmp_path).setup()
    bodies = [b'{"user_id": 7, "slug": "%d"}' % number for number in range(3)]
    records: list[tuple[int | None, bytes, bytes, Any]] = [(None, b"7", body, []) for body in bodies]
    asyncio.run(produce(own.kafka, Topics.of(own).raw, records[:1]))
    copy = own.model_copy(update={"raw_topic": "ahead"})
    assert asyncio.run(copy_raw(own, Topics.of(copy).raw, 2)).records == 1
    asyncio.run(produce(own.kafka, Topics.of(own).raw, records[1:]))
    with monkeypatch.context() as patched:

        async def overtaken(settings: Settings, admin_: AIOKafkaAdminClient, target: str) -> Restored:
            patched.undo()
            assert (await copy_raw(own, target, 2)).records == 2
            return await restored_until(settings, admin_, target)

        patched.setattr("operations.raw_log.copying.restored_until", overtaken)
        assert asyncio.run(copy_raw(own, Topics.of(copy).raw, 2)).records == 0
    assert ids(copy) == ids(own)


async def _half_filled(settings: Settings) -> None:
    """A topic as a copy leaves it that was killed while it filled it, after retention removed the beginning."""
    topic = Topics.of(settings).raw
    async with admin(settings.kafka) as client:
        (spec,) = (spec for spec in Topics.of(settings).specs(settings) if spec.name == topic)
        await client.create_topics([NewTopic(topic, 2, spec.replication, topic_configs=spec.config)])
        await await_leaders(client, [topic])
        async with clients.opened(clients.producer(settings.kafka_options())) as producer:
            for number in range(2):
                batch = producer.create_batch()
                for _ in range(10):
                    batch.append(timestamp=0, key=None, value=None)
                await (await producer.send_batch(batch, topic, partition=number))
        await client.delete_records({TopicPartition(topic, number): RecordsToDelete(4) for number in range(2)})
