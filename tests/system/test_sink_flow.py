"""The sink as a process: committed records become rows, once."""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.support.sink import SinkBench, caught_up, document_row, ended, fact, make_again, outcome, pack, rows, score
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


@pytest.fixture
async def bench(settings: SettingsFactory, processes: Processes, tmp_path: Path) -> SinkBench:
    """Topics of two partitions, and tables."""
    bench = SinkBench(settings(partitions=2), processes, tmp_path)
    await bench.setup()
    return bench


async def test_committed_records_reach_their_tables(bench: SinkBench, clickhouse: Client, database: str) -> None:
    """Each topic's rows are in its tables, of aborted transactions none; markers at the log's end are no lag."""
    topics = bench.topics
    async with bench.producing() as producer:
        for number in range(4):
            await producer.begin_transaction()
            partition = {"partition": number % 2}
            await producer.send(topics.facts, pack(fact(10 * number + i) for i in range(10)), **partition)
            await producer.send(topics.outcomes, pack([outcome(number)]), **partition)
            await producer.send(topics.scores, pack([score(number, actor=str(number))]), **partition)
            headers = [document_row(number, actor=str(number))]
            await producer.send(topics.telemetry, b"{}", key=b"k", headers=headers, **partition)
            await (producer.abort_transaction() if number == 2 else producer.commit_transaction())
    child = bench.start()
    await caught_up(bench, child)
    counts = {
        table: rows(clickhouse, f"SELECT count() FROM {database}_g1.{table} FINAL")[0][0]
        for table in ("events", "webhooks", "scores", "student_day", "telemetry", "claims")
    }

    assert counts == {"events": 30, "webhooks": 3, "scores": 3, "student_day": 3, "telemetry": 3, "claims": 3}
    assert rows(clickhouse, f"SELECT actor, id, document FROM {database}.telemetry WHERE version = 3") == [
        ("3", 3, "{}")
    ]
    assert rows(clickhouse, f"SELECT metrics, overlay FROM {database}.scores LIMIT 1") == [
        ('{"algo_version":1.0,"steps":[]}', None)
    ]
    assert child.terminate() == 0


async def test_bodies_arrive_byte_for_byte(bench: SinkBench, clickhouse: Client, database: str) -> None:
    """Webhooks, documents and dead letters keep every byte, whether or not it is text."""
    bodies = [
        b"",
        b"\x00",
        b"\xff\xfe",
        b'{"a":\n"\\ud800"}\r\n',
        b"'\\'\t",
        "ñ\N{GRINNING FACE}".encode(),
        bytes(range(256)),
    ]
    bodies += [os.urandom(1 << 20)]
    await bench.send(bench.topics.raw, bodies)
    for number, body in enumerate(bodies):
        headers = [document_row(1, actor=str(number))]
        await bench.send(bench.topics.telemetry, [body], key=b"k", headers=headers)
        await bench.send(bench.topics.dead_letters, [body], key=body, headers=[("dead-letter-offset", b"%d" % number)])
    child = bench.start()
    await caught_up(bench, child)
    wanted = [body.hex().upper() for body in bodies]

    for query in (
        f"SELECT hex(payload) FROM {database}.raw ORDER BY id",
        f"SELECT hex(document) FROM {database}.telemetry ORDER BY toUInt32(actor)",
        f"SELECT hex(value) FROM {database}.dead_letters ORDER BY offset",
        f"SELECT hex(key) FROM {database}.dead_letters ORDER BY offset",
    ):
        assert [value for (value,) in rows(clickhouse, query)] == wanted, query


async def test_a_tombstone_takes_the_document_back(bench: SinkBench, clickhouse: Client, database: str) -> None:
    """A document without value disappears from the public view."""
    await bench.send(bench.topics.telemetry, [b"{}"], key=b"7:tutorial", headers=[document_row(1)])
    await bench.send(bench.topics.telemetry, [None], key=b"7:tutorial", headers=[document_row(2)])
    await bench.send(bench.topics.telemetry, [b"[]"], key=b"8:tutorial", headers=[document_row(1, actor="8")])
    await caught_up(bench, bench.start())

    assert rows(clickhouse, f"SELECT actor, document FROM {database}.telemetry") == [("8", "[]")]


BAD_LINES = [
    b"{bad",
    b'{"item_id":"x"}',
    b'{"item_id":"1","occurred_at":"yesterday"}',
    b'{"item_id":"1","version":-1}',
    b'{"item_id":"1","properties":[1]}',
    b'{"item_id":"1","properties":{"a":NaN}}',
    b'{"item_id":"1","deleted":300}',
    b'{"item_id":"1","nobody_knows_me":1}',
    b'{"item_id":"1"',
    b"\xff\xfe\x00",
]


async def test_bad_rows_are_dead_letters_and_all_others_rows(
    bench: SinkBench, clickhouse: Client, database: str
) -> None:
    """Of 1,000 rows the 100 bad ones are dead letters, byte for byte, with a reason; the others are stored once."""
    lines: list[dict[str, Any] | bytes] = [fact(number) for number in range(900)]
    bad = [BAD_LINES[number % len(BAD_LINES)] for number in range(100)]
    lines += bad
    random.Random(7).shuffle(lines)  # noqa: S311 - repeatable
    offsets = await bench.send(bench.topics.facts, [pack(lines[first : first + 50]) for first in range(0, 1000, 50)])
    child = bench.start()
    await caught_up(bench, child)
    letters = rows(
        clickhouse,
        f"SELECT topic, partition, stage, offset, line, unhex(hex(value)), reason FROM {database}.dead_letters "
        "ORDER BY offset, line",
    )
    places = [(offsets[number // 50], number % 50) for number, line in enumerate(lines) if isinstance(line, bytes)]

    assert rows(clickhouse, f"SELECT count(), uniqExact(item_id) FROM {database}_g1.events") == [(900, 900)]
    assert {letter[:3] for letter in letters} == {(bench.topics.facts, 0, "sink")}
    assert [letter[3:5] for letter in letters] == places
    assert rows(clickhouse, f"SELECT hex(value) FROM {database}.dead_letters ORDER BY offset, line") == [
        (line.hex().upper(),) for line in lines if isinstance(line, bytes)
    ]
    assert all("Code:" in letter[6] for letter in letters)


async def test_a_letter_that_is_too_large_is_cut(bench: SinkBench, clickhouse: Client, database: str) -> None:
    """A record that cannot be stored and does not fit into a letter whole leaves its beginning, size and hash."""
    value = os.urandom(2 * bench.settings.max_body_bytes)
    await bench.send(bench.topics.telemetry, [value], key=b"k")
    await caught_up(bench, bench.start())
    query = f"SELECT hex(value), size, reason FROM {database}.dead_letters"

    ((found, size, reason),) = rows(clickhouse, query)
    assert value.hex().upper().startswith(found)
    assert (len(found) > len(value), size, reason) == (True, len(value), "header row is missing or no object")


async def test_a_topic_of_bad_rows_stops_the_sink(bench: SinkBench, clickhouse: Client, database: str) -> None:
    """A worker that writes nothing but bad rows does not drain into the dead letters: the sink ends and says so."""
    await bench.send(bench.topics.facts, [pack(b'{"item_id":"x%d"}' % number for number in range(1000))])
    child = bench.start()

    assert await ended(child) == 1
    assert "more than 300 rows of" in child.output
    assert rows(clickhouse, f"SELECT count() FROM {database}_g1.dead_letters") == [(0,)]


async def test_a_newer_worker_stops_the_sink_with_the_alter(
    bench: SinkBench, clickhouse: Client, database: str
) -> None:
    """Rows with a column that the table lacks stop the sink; after the statement that it names, they are stored."""
    await bench.send(bench.topics.outcomes, [pack(outcome(number, mood="good") for number in range(3))])
    child = bench.start()
    assert await ended(child) == 1
    (line,) = [line for line in child.output.splitlines() if "ALTER TABLE" in line]
    statement = line[line.index("ALTER TABLE") :].split("'")[0].split('"')[0].strip()
    clickhouse.command(statement)
    await caught_up(bench, bench.start())

    assert rows(clickhouse, f"SELECT id, mood FROM {database}_g1.webhooks FINAL ORDER BY id") == [
        (0, "good"),
        (1, "good"),
        (2, "good"),
    ]


async def test_a_missing_table_or_topic_is_named(bench: SinkBench, clickhouse: Client, database: str) -> None:
    """What setup would create, and nobody has, ends the sink with the command to run."""
    clickhouse.command(f"DROP TABLE {database}_g1.scores SYNC")
    child = bench.start()
    assert await ended(child) == 1
    assert "scores does not exist. Run: learnpack-telemetry setup" in child.output
    await bench.setup()
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.settings.kafka)
    await admin.start()
    await admin.delete_topics([bench.topics.scores])
    await admin.close()
    child = bench.start()
    assert await ended(child) == 1
    assert f"Topic {bench.topics.scores} does not exist. Run: learnpack-telemetry setup" in child.output


# Each topic records names of its own before its first block.
MOMENTS = [("before-record", 7), ("after-insert", 1), ("after-letter", 2)]
EXHAUSTIVE = [("after-record", 7), ("before-insert", 1), ("before-letter", 2)]


@pytest.mark.parametrize(
    ("moment", "number"), [*MOMENTS, *(pytest.param(*moment, marks=pytest.mark.long) for moment in EXHAUSTIVE)]
)
async def test_a_crash_at_any_step_repeats_nothing(
    moment: str, number: int, bench: SinkBench, clickhouse: Client, database: str
) -> None:
    """Whichever step is the last, the next sink stores what is left: readers miss no row and see none twice."""
    for first in range(3):
        lines = [fact(100 * first + item) for item in range(100)]
        await bench.send(bench.topics.facts, [pack([*lines, b'{"item_id":"bad"}'])], partition=first % 2)
    assert await ended(bench.start(fault=f"{moment}:{number}")) == 9
    await bench.send(bench.topics.facts, [pack([fact(1000 + item) for item in range(10)] + [b"{"])])
    await caught_up(bench, bench.start())

    assert rows(clickhouse, f"SELECT count(), uniqExact(item_id) FROM {database}.events") == [(310, 310)]
    assert rows(clickhouse, f"SELECT count() FROM {database}.dead_letters") == [(4,)]


async def test_records_that_retention_took_are_passed_over_loudly(
    bench: SinkBench, clickhouse: Client, database: str
) -> None:
    """Where the log begins after the committed offset the sink says so and goes on with what is left."""
    await bench.send(bench.topics.facts, [pack([fact(1)])])
    child = bench.start()
    await caught_up(bench, child)
    assert child.terminate() == 0
    offsets = await bench.send(bench.topics.facts, [pack([fact(number)]) for number in (2, 3, 4)])
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.settings.kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(bench.topics.facts, 0): RecordsToDelete(before_offset=offsets[2])})
    await admin.close()
    child = bench.start()
    await caught_up(bench, child)

    assert rows(clickhouse, f"SELECT toUInt32(item_id) FROM {database}.events ORDER BY item_id") == [(1,), (4,)]
    assert "records were deleted before they were stored" in child.output


@pytest.mark.parametrize("records", [1, 30])
async def test_a_topic_that_is_made_again_beside_a_running_sink_is_read(
    records: int, bench: SinkBench, clickhouse: Client, database: str
) -> None:
    """It ends to be started again and reads the new topic from its start, whether that is shorter or longer by then."""
    await bench.send(bench.topics.facts, [pack([fact(number)]) for number in range(10)])
    child = bench.start()
    await caught_up(bench, child)
    await make_again(bench)
    await bench.send(bench.topics.facts, [pack([fact(100 + number)]) for number in range(records)])

    assert await ended(child) == 1
    assert f"{bench.topics.facts} was deleted and made again; starting again" in child.output
    await caught_up(bench, bench.start())

    assert rows(clickhouse, f"SELECT count(), uniqExact(item_id) FROM {database}.events") == [(10 + records,) * 2]


async def test_a_topic_of_the_same_name_is_another_topic(bench: SinkBench, clickhouse: Client, database: str) -> None:
    """After a topic was deleted and created again, its first offsets are not taken for the old ones."""
    await bench.send(bench.topics.facts, [pack([fact(1)])])
    child = bench.start()
    await caught_up(bench, child)
    assert child.terminate() == 0
    await make_again(bench)
    await bench.send(bench.topics.facts, [pack([fact(2)])])
    await caught_up(bench, bench.start())

    assert rows(clickhouse, f"SELECT toUInt32(item_id) FROM {database}.events ORDER BY item_id") == [(1,), (2,)]


async def test_a_clean_stop_leaves_nothing_to_repeat(bench: SinkBench, clickhouse: Client, database: str) -> None:
    """After SIGTERM the sink exits 0 and the next one inserts only what came since."""
    child = bench.start()
    await aeventually(lambda: asyncio.to_thread(bench.ready_file().exists), 60, "a ready sink")
    await bench.send(bench.topics.facts, [pack([fact(number)]) for number in range(50)])
    assert child.terminate() == 0
    assert not bench.ready_file().exists()
    await bench.send(bench.topics.facts, [orjson.dumps(fact(99))])
    await caught_up(bench, bench.start())

    assert rows(clickhouse, f"SELECT count(), uniqExact(item_id) FROM {database}_g1.events") == [(51, 51)]
