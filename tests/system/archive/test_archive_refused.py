"""What cannot be archived or restored is counted, or refused in one line."""

from __future__ import annotations

import asyncio
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from schemas.wire.topics import Topics
from tests.chaos.kafka import admin
from tests.support.archives import EVENING_MS, HOUR_MS, done, exists, put, student
from tests.support.commands import as_environment, command
from tests.support.raw_log import all_stored

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


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
    warning, note = outcome.err.splitlines()
    assert warning.startswith("warning: 4 offsets of partition 0 are missing between the archive and the raw topic: ")
    assert note.startswith("note: whoever was erased after the files were written is in them, and in the topic.")

    done(command("archive", directory))
    first, second = sorted(directory.glob("*.parquet"))
    for file in (first, first.with_name(f"{first.name}.json")):
        file.unlink()
    outcome = command("raw", "restore", directory, "lost", "--without", 99)
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
    odd = refused("raw", "restore", directory, "c", "--partitions", 3)
    assert "c cannot have 3 partitions: the log had 2, and a topic of it has as many or a multiple of them" in odd
    taken = refused("raw", "restore", directory, own.raw_topic, "--partitions", 3)
    assert taken.endswith(f"{Topics.of(own).raw} is taken: it is the topic that was archived; choose another name.")
    assert asyncio.run(exists(own, "c")) is False

    monkeypatch.setenv("TELEMETRY_RAW_RETENTION_DAYS", "2")
    assert "the archive begins on 2026-11-10, which Kafka would not keep" in refused("raw", "restore", directory, "c")
    monkeypatch.delenv("TELEMETRY_RAW_RETENTION_DAYS")
    clickhouse.command(f"INSERT INTO {own.database}.raw (id, received_at) VALUES (999, '2026-11-10 10:00:00')")
    assert "1 webhooks, the last of 2026-11-10 10:00:00.000, were stored before" in refused("archive", directory)
    monkeypatch.setenv("TELEMETRY_CLICKHOUSE", "http://127.0.0.1:9/")
    assert "or correct TELEMETRY_CLICKHOUSE" in refused("archive", directory)
    assert "or correct TELEMETRY_CLICKHOUSE" in refused("raw", "restore", directory, "c")
