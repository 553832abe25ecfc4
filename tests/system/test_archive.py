"""Archives of the raw topic: written by ClickHouse, and made a topic again that is what the first one was."""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from operations.raw_log.restoring import Restoration, restore_raw
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from tests.chaos.kafka import admin, produce, read_all
from tests.chaos.load import webhooks
from tests.support.commands import Outcome, as_environment, command
from tests.support.generations import TABLES, Generation, rows_of
from tests.support.raw_log import FAST_CLI, MARGIN, agrees, all_stored, ids, restored, send, written_beyond
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system

# 2026-11-10 23:00 UTC.
EVENING_MS = 1_794_351_600_000
HOUR_MS = 3_600_000
END = ("--until", "2026-12-31")

Record = tuple[int | None, bytes | None, bytes | None, Any]


@pytest.fixture
def own(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two partitions, and tables that keep the load's days; commands use them, too."""
    made = settings(partitions=2, webhook_retention_days=3650)
    for name, value in as_environment(made).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TELEMETRY_WEBHOOK_RETENTION_DAYS", "3650")
    monkeypatch.setattr("operations.raw_log.target.MARGIN", MARGIN)
    return made


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the archive is."""
    made = tmp_path / "archive"
    made.mkdir()
    return made


@pytest.fixture
def stored(own: Settings, processes: Processes, tmp_path: Path) -> Generation:
    """A system whose sink runs alone: it stores what is in the raw topic."""
    system = Generation(own, processes, tmp_path)
    system.setup()
    system.start("sink")
    return system


def put(settings: Settings, records: list[Record], times: list[int]) -> None:
    """Send records with these timestamps."""
    asyncio.run(produce(settings.kafka, Topics.of(settings).raw, records, timestamps=times))


def student(number: int, text: str = "", partition: int | None = None) -> Record:
    """A webhook of a student."""
    value = orjson.dumps({"event": "open_step", "slug": f"a{text}", "user_id": number, "telemetry_id": f"t{number}"})
    return partition, str(number).encode(), value, encode_headers(RawHeaders(receipt=text or "r"))


def whole(settings: Settings) -> list[list[tuple[Any, ...]]]:
    """Every record of the raw topic by partition, with all that it has but its own place."""
    found = asyncio.run(read_all(settings.kafka, Topics.of(settings).raw, settings.partitions))
    return [
        [
            (one.key, one.value, one.timestamp, tuple(header for header in one.headers if header[0] != "id"))
            for one in part
        ]
        for part in found
    ]


def yesterday() -> str:
    """The last UTC day that is over."""
    return f"{datetime.now(UTC).date() - timedelta(days=1)}"


def done(outcome: Outcome) -> list[str]:
    """What a command said that went well."""
    assert outcome.code == 0, outcome.err
    return outcome.out.splitlines()


def test_an_archive_alone_gives_the_same_ids_and_the_same_tables(
    own: Settings,
    processes: Processes,
    clickhouse: Client,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The topic is gone; what a second generation makes of its archive is what the first one made of it, row for row.

    A record that was sent again stands for its first try, which the table does not keep.
    """
    first = Generation(own, processes, directory.parent)
    first.setup()
    send(own, 300)
    put(own, [(None, b"20005", b"no JSON either", encode_headers(RawHeaders(receipt="bad")))], [EVENING_MS])
    first.start()
    log = ids(own)
    kept = [one for one in log if one[2] != b"no JSON"]
    count = len({identity for identity, *_ in log})
    assert len(kept) == count == len(log) - 1
    all_stored(clickhouse, f"{own.database}_g1", "webhooks", count)
    all_stored(clickhouse, own.database, "raw", count)
    first.stop()

    written = done(command("archive", directory))[-1]
    assert written.endswith(f" files with {count} records written, 0 were there, until {yesterday()}.")

    async def delete() -> None:
        async with admin(own.kafka) as client:
            await client.delete_topics([Topics.of(own).raw])

    asyncio.run(delete())
    clickhouse.command(f"TRUNCATE TABLE {own.database}.raw")
    lines = done(command("raw", "restore", directory, "webhooks.raw.a"))
    assert lines[0] == f"{count} of {count} records restored, 0 left out."
    settings = restored(own, "webhooks.raw.a", generation=2)
    assert ids(settings) == kept

    second = Generation(settings, processes, directory.parent)
    for name, value in second.environment.items():
        monkeypatch.setenv(name, value)
    second.setup()
    second.start()
    all_stored(clickhouse, f"{own.database}_g2", "webhooks", count)
    for table in TABLES:
        expected = rows_of(clickhouse, f"{own.database}_g1", table)
        assert expected
        eventually(partial(agrees, clickhouse, f"{own.database}_g2", table, expected), 60, table)
    letters = f"SELECT key, reason, value FROM {own.database}_g%d.dead_letters FINAL WHERE value != 'no JSON'"
    eventually(lambda: clickhouse.query(letters % 2).result_rows, 60, "the dead letter")
    assert clickhouse.query(letters % 2).result_rows == clickhouse.query(letters % 1).result_rows
    second.stop()


@pytest.mark.usefixtures("stored")
def test_what_is_restored_is_what_was_there_byte_for_byte(own: Settings, clickhouse: Client, directory: Path) -> None:
    """Keys, headers, values and timestamps of every kind come back; with what came later it equals the live topic."""
    odd: list[Record] = [
        (0, None, b"\xff\x00 no text", []),
        (1, b"\xfe", None, [("a", b"1"), ("a", b"\xff"), ("b", None), ("", b"")]),
        (0, b"7", b"", [("source", b"staff"), ("capabilities", b"crud_telemetry,x"), ("principal", b"9")]),
        (1, b"7", b'{"user_id": 7}\n', [("academy", b"no number"), ("traceparent", b"00-1")]),
        (0, b"8", b"PAR1" * 50_000, [("idempotency-key", b"i"), ("params", b'{"a":"b"}')]),
    ]
    put(own, odd + [student(n) for n in range(60)], [EVENING_MS + n * 60_000 for n in range(65)])
    # The log's order is not that of time: two gateways, over midnight.
    put(own, [student(1, "next", 0), student(1, "last", 0)], [EVENING_MS + 2 * HOUR_MS, EVENING_MS])
    all_stored(clickhouse, own.database, "raw", 67)

    lines = done(command("archive", directory, "--until", "2026-11-10"))
    # Of partition 0 the 11th, too: what is archived of a partition has no holes.
    names = [".".join(line.split(".")[:2]) for line in lines[:-1]]
    assert names == ["2026-11-10.p0", "2026-11-11.p0", "2026-11-10.p1"]
    before = {file.name: file.stat().st_mtime_ns for file in directory.iterdir()}
    assert done(command("archive", directory, "--until", "2026-11-10")) == [
        "0 files with 0 records written, 3 were there, until 2026-11-10."
    ]
    assert {file.name: file.stat().st_mtime_ns for file in directory.iterdir()} == before

    # A gateway brings what it had spooled: an old day gets another file, and the first one stays.
    put(own, [student(2, "spooled", 0), student(2, "spooled", 1)], [EVENING_MS + 1, EVENING_MS + 2])
    all_stored(clickhouse, own.database, "raw", 69)
    assert done(command("archive", directory, *END))[-1].startswith("3 files with ")
    assert before.items() <= {file.name: file.stat().st_mtime_ns for file in directory.iterdir()}.items()

    assert done(command("raw", "restore", directory, "again")) == [
        "69 of 69 records restored, 0 left out.",
        "What came since: learnpack-telemetry raw copy again",
        "To use it: TELEMETRY_RAW_TOPIC=again",
    ]
    copy = restored(own, "again")
    assert whole(copy) == whole(own)
    # How many there are is told before anything is done, and then how many are read, which takes the longest.
    told: list[tuple[int, int, int, int]] = []

    def tell(at: Restoration) -> None:
        told.append((at.total, at.checked, at.read, at.records))

    asyncio.run(restore_raw(own, directory, f"{own.topic_prefix}told", 2, progress=tell))
    assert told[0] == (69, 0, 0, 0)
    assert told == sorted(told)
    assert len({checked for _, checked, *_ in told}) == len({read for _, _, read, _ in told}) > 3
    assert told[-1] == (69, 69, 69, 69)

    # Present follows history, in as many steps as one likes.
    for number in range(2):
        put(own, [student(n, f"later{number}") for n in range(20)], [EVENING_MS + 48 * HOUR_MS] * 20)
        assert done(command("raw", "copy", "again"))[0] == "20 records copied, 0 left out."
        assert whole(copy) == whole(own)
    refused = command("raw", "restore", directory, "again")
    assert (refused.code, "choose another name" in refused.complaint) == (1, True)


@pytest.mark.usefixtures("stored")
def test_students_are_left_out_and_partitions_grow(own: Settings, clickhouse: Client, directory: Path) -> None:
    """An archive knows those who were erased since: a restore without them has everybody else's records, in order."""
    put(own, [student(n % 10, str(n)) for n in range(100)], [EVENING_MS] * 100)
    all_stored(clickhouse, own.database, "raw", 100)
    done(command("archive", directory))

    arguments = ("raw", "restore", directory, "clean", "--partitions", 4, "--without", 3)
    assert done(command(*arguments))[:2] == [
        "90 of 100 records restored, 10 left out.",
        "What came since: learnpack-telemetry raw copy clean --partitions 4 --without 3",
    ]
    put(own, [student(n, "new") for n in range(10)], [EVENING_MS] * 10)
    copying = ("raw", "copy", "clean", "--partitions", 4)
    assert command(*copying).code == 1
    assert done(command(*copying, "--without", 3))[0] == "9 records copied, 1 left out."

    clean = restored(own, "clean", partitions=4)
    assert ids(clean) == [one for one in ids(own) if one[1] != b"3"]
    parts = whole(clean)
    assert sum(map(bool, parts)) > 2
    for key in {one[0] for part in parts for one in part}:
        (place,) = (part for part in parts if any(one[0] == key for one in part))
        mine = [value for one, value, *_ in place if one == key]
        assert mine == [value for part in whole(own) for one, value, *_ in part if one == key]


@pytest.mark.usefixtures("stored")
def test_a_restore_that_is_killed_goes_on_and_brings_nothing_twice(
    own: Settings, clickhouse: Client, directory: Path, processes: Processes
) -> None:
    """Killed at random moments, as the archive is, and run again, the topic holds each record once, in its order."""
    rnd = random.Random(int(time.time()))  # noqa: S311 - printed on failure by its effect alone
    load = list(webhooks(4_000, rnd, students=30, day_ms=3 * 24 * HOUR_MS))
    put(own, [(None, one.key, one.value, one.headers) for one in load], [one.timestamp for one in load])
    all_stored(clickhouse, own.database, "raw", 4_000)
    interpreter = [sys.executable, "-c", FAST_CLI]
    for number in range(2):
        child = processes.start([*interpreter, "archive", str(directory)], as_environment(own))
        eventually(lambda: len(list(directory.glob("*.parquet.json"))) > number, 60, "a file")  # noqa: B023
        child.kill()
    written = len(list(directory.glob("*.parquet.json")))
    assert 0 < written < 8
    assert done(command("archive", directory))[-1].endswith(f", {written} were there, until {yesterday()}.")
    for number in range(3):
        child = processes.start([*interpreter, "raw", "restore", str(directory), "b"], as_environment(own))
        eventually(lambda: written_beyond(own, "b", 1_200 * number + rnd.randint(0, 300)), 60, "records")  # noqa: B023
        child.kill()

    done(command("raw", "restore", directory, "b"))

    copy = restored(own, "b")
    assert ids(copy) == ids(own)
    assert whole(copy) == whole(own)
    assert done(command("raw", "restore", directory, "b"))[0] == "0 of 4000 records restored, 0 left out."
    leftover = "SELECT count() FROM system.tables WHERE database = {database:String} AND name LIKE 'raw\\_%'"
    assert clickhouse.command(leftover, {"database": own.database}) == 0


@pytest.mark.usefixtures("stored")
def test_what_lies_between_archive_and_topic_is_counted(own: Settings, clickhouse: Client, directory: Path) -> None:
    """Records that retention took before they were archived, and files that are gone, are named."""
    put(own, [student(n, partition=0) for n in range(10)], [EVENING_MS] * 10)
    all_stored(clickhouse, own.database, "raw", 10)
    done(command("archive", directory))
    put(own, [student(n, partition=0) for n in range(7)], [EVENING_MS + HOUR_MS] * 7)
    # Retention must not take what the sink has yet to read.
    all_stored(clickhouse, own.database, "raw", 17)

    async def retention() -> None:
        async with admin(own.kafka) as client:
            await client.delete_records({TopicPartition(Topics.of(own).raw, 0): RecordsToDelete(14)})

    asyncio.run(retention())
    outcome = command("raw", "restore", directory, "gap")
    assert done(outcome)[0] == "10 of 10 records restored, 0 left out."
    assert outcome.complaint == ("warning: 4 offsets of partition 0 are missing between the archive and the raw topic.")

    done(command("archive", directory))
    first, second = sorted(directory.glob("*.parquet"))
    for file in (first, first.with_name(f"{first.name}.json")):
        file.unlink()
    outcome = command("raw", "restore", directory, "lost")
    assert done(outcome)[0] == "7 of 7 records restored, 0 left out."
    assert outcome.complaint == f"warning: {first.name} is not in {directory}; its records are left out."
    assert second.exists()


@pytest.mark.usefixtures("stored")
def test_what_cannot_be_used_is_refused_in_one_line(
    own: Settings,
    clickhouse: Client,
    directory: Path,
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Damaged files, a file in the place of a directory, a full disk, old rows and an absent ClickHouse."""
    put(own, [student(n, "x" * 2_000) for n in range(50)], [EVENING_MS] * 50)
    all_stored(clickhouse, own.database, "raw", 50)

    def refused(*arguments: object) -> str:
        outcome = command(*arguments)
        assert outcome.code == 1, outcome.out
        return outcome.complaint

    in_the_way = directory.with_name("file")
    in_the_way.touch()
    assert "name a directory that you may write to" in refused("archive", in_the_way / "below")
    made = directory.with_name("made") / "with" / "parents"
    assert " with 50 records written, 0 were there" in done(command("archive", made))[-1]
    assert done(command("archive", made))[-1].startswith("0 files with 0 records written, ")
    assert "has no archive" in refused("raw", "restore", directory, "c")
    # Files of a kilobyte at most; `cat` writes the test's own.
    limited = ["bash", "-c", 'ulimit -f 1; "$@" 2>&1 | cat', "-", sys.executable, "-m", "deploy.cli", "archive"]
    child = processes.start([*limited, str(directory)], as_environment(own))
    child.process.wait(60)
    assert "cannot be written: File too large" in child.output
    assert list(directory.iterdir()) == []

    done(command("archive", directory))
    file = min(directory.glob("*.parquet"))
    broken = directory.with_name("broken")
    whole_file = file.read_bytes()
    damaged = whole_file[:200] + bytes([whole_file[200] ^ 1]) + whole_file[201:]
    for content, complaint in ((whole_file[:-100], "is damaged: it has"), (damaged, "is damaged: its SHA-256")):
        shutil.copytree(directory, broken)
        (broken / file.name).write_bytes(content)
        assert complaint in refused("raw", "restore", broken, "c")
        shutil.rmtree(broken)
    assert "2 partitions, which the log had" in refused("raw", "restore", directory, "c", "--partitions", 3)
    assert asyncio.run(exists(own, "c")) is False

    monkeypatch.setenv("TELEMETRY_RAW_RETENTION_DAYS", "2")
    assert "the archive begins on 2026-11-10, which Kafka would not keep" in refused("raw", "restore", directory, "c")
    monkeypatch.delenv("TELEMETRY_RAW_RETENTION_DAYS")
    clickhouse.command(f"INSERT INTO {own.database}.raw (id, received_at) VALUES (999, '2026-11-10 10:00:00')")
    assert "1 webhooks, the last of 2026-11-10 10:00:00.000, were stored before" in refused("archive", directory)
    monkeypatch.setenv("TELEMETRY_CLICKHOUSE", "http://127.0.0.1:9/")
    assert "or correct TELEMETRY_CLICKHOUSE" in refused("archive", directory)
    assert "or correct TELEMETRY_CLICKHOUSE" in refused("raw", "restore", directory, "c")


async def exists(settings: Settings, name: str) -> bool:
    """Whether there is a topic of this name."""
    async with admin(settings.kafka) as client:
        return f"{settings.topic_prefix}{name}" in await client.list_topics()
