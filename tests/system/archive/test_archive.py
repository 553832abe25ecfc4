"""Archives of the raw topic: written by ClickHouse, and made a topic again that is what the first one was."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from operations.raw_log.restoring import Restoration, restore_raw
from operations.raw_log.seam import log_ends
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from tests.chaos.kafka import admin
from tests.chaos.load import webhooks
from tests.support.archives import END, EVENING_MS, HOUR_MS, Record, done, put, student, whole, yesterday
from tests.support.arrived import in_every_table
from tests.support.commands import as_environment, command
from tests.support.generations import TABLES, Generation, rows_of
from tests.support.raw_log import FAST_CLI, agrees, all_stored, ids, restored, send, written_beyond
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Processes

pytestmark = pytest.mark.system

# Stands still in the middle of its third file, so that it is killed before it has written all of them.
WAITING_CLI = """
import itertools, time
import operations.raw_log.archiving as archiving
write, numbers = archiving._Writer._write, itertools.count()
def waiting(*arguments):
    if next(numbers) == 2:
        archiving._Writer._compare = lambda *_: time.sleep(600)
    return write(*arguments)
archiving._Writer._write = waiting
from deploy.cli import main
main()
"""


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
    in_every_table(own)
    first.stop()

    days = {yesterday()}
    written = done(command("archive", directory))[-1]
    # It may have been midnight meanwhile.
    days.add(yesterday())
    assert written.endswith(tuple(f" files with {count} records written, 0 were there, until {day}." for day in days))

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
    in_every_table(settings)
    assert clickhouse.query(letters % 2).result_rows
    assert clickhouse.query(letters % 2).result_rows == clickhouse.query(letters % 1).result_rows
    second.stop()


@pytest.mark.usefixtures("stored")
def test_what_is_restored_is_what_was_there_byte_for_byte(
    own: Settings, clickhouse: Client, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        "To use it: TELEMETRY_RAW_TOPIC=again TELEMETRY_PARTITIONS=2 TELEMETRY_GENERATION=2",
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
    # One that another finishes before it can fence that one has nothing left to do.
    ahead = f"{own.topic_prefix}ahead"
    with monkeypatch.context() as patched:

        async def overtaken(settings: Settings, partitions: int) -> dict[int, int]:
            patched.undo()
            assert (await restore_raw(own, directory, ahead, 2)).records == 69
            return await log_ends(settings, partitions)

        patched.setattr("operations.raw_log.restoring.log_ends", overtaken)
        assert asyncio.run(restore_raw(own, directory, ahead, 2)).records == 0
    assert whole(restored(own, "ahead")) == whole(own)

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
    other = command("raw", "restore", directory, "clean", "--without", 3)
    assert (other.code, "clean is taken: it has 4 partitions, not 2; choose another name, or" in other.complaint) == (
        1,
        True,
    )
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
        child = processes.start([sys.executable, "-c", WAITING_CLI, "archive", str(directory)], as_environment(own))
        eventually(lambda: len(list(directory.glob("*.parquet.json"))) > number, 60, "a file")  # noqa: B023
        child.kill()
    written = len(list(directory.glob("*.parquet.json")))
    assert 0 < written < 8
    days = {yesterday()}
    said = done(command("archive", directory))[-1]
    days.add(yesterday())
    assert said.endswith(tuple(f", {written} were there, until {day}." for day in days))
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
