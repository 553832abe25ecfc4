"""Where history may begin: in an empty system, or before a log that has webhooks; all else is refused."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete

from broker import clients
from operations.generations.offsets import Offsets
from operations.topics import await_leaders
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce
from tests.support.commands import command
from tests.support.generations import Generation
from tests.support.history import figures, imported, log, ran_then, refused
from tests.support.lms import DAY_MS, Lms, instant
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.postgres import Database
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


def test_what_cannot_be_imported_is_refused_in_one_line(
    own: Settings, lms: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before anything is written, with what to do; the password is in none of it."""
    history = Lms.of_days(30, 1)
    history.fill(lms)
    assert "run `learnpack-telemetry setup` first" in refused("--postgres", lms.dsn)
    assert command("setup").code == 0

    wrong = lms.dsn.replace("p%40ss%2Fword", "s3cret")
    for dsn in (wrong, "postgresql://lms:s3cret@127.0.0.1:1/x", "lms s3cret"):
        assert "s3cret" not in refused("--postgres", dsn)
    assert "name the LMS's table" in refused("--postgres", lms.dsn, "--webhooks-table", "other.webhooks")
    for none in ((), ("--postgres", lms.dsn, tmp_path / "file")):
        assert command("import", "lms", *none).code == 2

    monkeypatch.setenv("TELEMETRY_RAW_RETENTION_DAYS", "30")
    assert "TELEMETRY_RAW_RETENTION_DAYS to more than " in refused("--postgres", lms.dsn)
    assert command("setup").code == 0
    monkeypatch.setenv("TELEMETRY_RAW_RETENTION_DAYS", "3650")
    assert "keeps 30 days: run `learnpack-telemetry setup`" in refused("--postgres", lms.dsn)
    assert command("setup").code == 0
    since = "2026-05-30"
    assert "0 webhooks and 0 documents imported, 0 were there." in imported("--postgres", lms.dsn, "--since", since)
    assert log(own) == []

    asyncio.run(produce(own.kafka, Topics.of(own).raw, [(0, b"1", b"{}", [])]))
    monkeypatch.setenv("TELEMETRY_TOPIC_PREFIX", f"{own.topic_prefix}n.")
    assert command("setup").code == 0
    asyncio.run(produce(own.kafka, f"{own.topic_prefix}n.webhooks.raw", [(1, b"1", b"{}", [])]))
    assert "has webhooks already, and history has to come before them" in refused("--postgres", lms.dsn)
    # With what was begun before webhooks came it goes on: those of the time between are recognised.
    monkeypatch.setenv("TELEMETRY_TOPIC_PREFIX", own.topic_prefix)
    assert imported("--postgres", lms.dsn).startswith("30 webhooks and ")


@pytest.mark.usefixtures("lms")
def test_a_topic_that_history_cannot_go_into_is_refused(own: Settings, tmp_path: Path) -> None:
    """With what can be done about it: how many partitions it has nobody may choose here, unlike for a copy."""
    assert command("setup").code == 0
    asyncio.run(produce(own.kafka, Topics.of(own).raw, [(0, b"1", b"{}", [])]))
    rows, there = tmp_path / "rows.ndjson", f"{own.topic_prefix}webhooks.raw.3"
    rows.write_text('{"id": 1, "payload": {"n": 1}, "created_at": "2026-06-01T00:00:00Z"}\n')

    async def make() -> None:
        async with clients.opened(clients.admin(own.kafka_options())) as admin:
            await admin.create_topics([NewTopic(there, 3, 1)])
            await await_leaders(admin, [there])

    asyncio.run(make())
    said = refused(rows, "--into", "webhooks.raw.3")
    assert said.endswith(f"{there} is taken: it has 3 partitions, not 2; choose another name.")


def test_what_kafka_has_removed_is_named(own: Settings, lms: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are not passed over as imported while none is left; what a topic keeps is enough, without a setting."""
    assert command("setup").code == 0
    monkeypatch.delenv("TELEMETRY_RAW_RETENTION_DAYS")
    # Records that came before, and are gone, are nobody's loss.
    asyncio.run(produce(own.kafka, Topics.of(own).raw, [(0, b"1", b"{}", [])]))
    asyncio.run(remove(own, {0: 1}))
    history = Lms.of_days(40, 2)
    history.fill(lms)
    assert imported("--postgres", lms.dsn).startswith("40 webhooks and ")
    # The address may come from where `directory sync` has it.
    monkeypatch.setenv("TELEMETRY_LMS_POSTGRES", lms.dsn)
    whole = command("import", "lms")
    assert (whole.code, "Kafka has removed" in whole.err) == (0, False)
    assert "were there" in whole.out

    asyncio.run(remove(own, {0: 4}))
    part = command("import", "lms", "--postgres", lms.dsn)
    assert part.code == 0
    assert "of what was imported Kafka has removed all from before " in " ".join(part.err.split())
    asyncio.run(remove(own, {0: -1, 1: -1}))
    said = refused("--postgres", lms.dsn)
    assert f"Kafka has removed all {40 + len(history.telemetry)} rows" in said
    assert "begin again in an empty system" in said


def test_how_far_it_was_is_found_again_once_kafka_has_forgotten(own: Settings, lms: Database) -> None:
    """A week after the last run; it goes on behind the webhooks that came meanwhile, and brings nothing twice."""
    assert command("setup").code == 0
    history = Lms.of_days(40, 2)
    history.fill(lms)
    # As a copy does, it begins behind its first offset, of which nothing was lost.
    asyncio.run(produce(own.kafka, Topics.of(own).raw, [(0, b"1", b"{}", [])]))
    asyncio.run(remove(own, {0: 1}))
    first = imported("--postgres", lms.dsn)
    asyncio.run(produce(own.kafka, Topics.of(own).raw, [(0, b"1", b"{}", [])]))
    before = sorted(log(own), key=str)
    asyncio.run(forget_group(own))

    assert "leave out --into" in refused("--postgres", lms.dsn, "--into", "webhooks.raw.2")
    again = command("import", "lms", "--postgres", lms.dsn)
    assert (again.code, "Kafka had forgotten how far the import was" in again.err) == (0, True)
    assert "Kafka has removed" not in again.err
    assert f"0 webhooks and 0 documents imported, {40 + len(history.telemetry)} were there." in again.out
    assert sorted(log(own), key=str) == before
    assert first.startswith("40 webhooks and ")
    once_more = command("import", "lms", "--postgres", lms.dsn)
    assert (once_more.out, "Kafka had forgotten" in once_more.err) == (again.out, False)


async def forget_group(settings: Settings) -> None:
    """Delete the group that keeps how far the import is, as Kafka does after a week."""
    topics = Topics.of(settings)
    async with Offsets(settings) as offsets:
        assert await offsets.delete_group(topics.imports_into(topics.raw)) == 0


async def remove(settings: Settings, before: dict[int, int]) -> None:
    """Remove what is before these offsets of the raw topic's partitions, as retention does."""
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        raw = Topics.of(settings).raw
        await admin.delete_records({TopicPartition(raw, at): RecordsToDelete(offset) for at, offset in before.items()})


def test_history_comes_before_a_log_that_has_webhooks_already(
    own: Settings,
    lms: Database,
    clickhouse: Client,
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A generation of its own is what a system that ran all the time would show; webhooks keep their ids."""
    monkeypatch.setattr("operations.raw_log.target.MARGIN", 1_000)
    history = Lms.of_days(300, 5)
    history.fill(lms)
    cut = history.webhooks[0][0] + 3 * DAY_MS
    late = Lms([one for one in history.webhooks if one[0] >= cut])
    then = own.model_copy(update={"topic_prefix": f"{own.topic_prefix}b.", "database": f"{own.database}_b"})
    systems = [Generation(one, processes, processes.directory / name) for name, one in (("then", then), ("first", own))]
    for system, known in zip(systems, (history, late), strict=True):
        system.directory.mkdir()
        outcome = processes.start([sys.executable, "-m", "deploy.cli", "setup"], system.environment)
        assert outcome.process.wait(60) == 0, outcome.output
        ran_then(system.settings, known, [])
        system.start()
    outcomes = f"SELECT id, student_id, event, created_at FROM {own.database}_g%d.webhooks FINAL ORDER BY id"
    eventually(lambda: len(clickhouse.query(outcomes % 1).result_rows) == len(late.webhooks), 60, "what came so far")
    first = clickhouse.query(outcomes % 1).result_rows
    systems[1].stop()

    assert "give the name of a new topic" in refused("--postgres", lms.dsn)
    begun = command("import", "lms", "--postgres", lms.dsn, "--into", "webhooks.raw.2")
    assert (begun.code, "only if every student's webhooks have come here" in " ".join(begun.err.split())) == (0, True)
    lines = begun.out.splitlines()
    assert lines[0].startswith(f"{300 - len(late.webhooks)} webhooks and ")
    # Nobody has said that the log has them.
    began = late.webhooks[0][0]
    beyond = len(late.webhooks) + sum(stored.at >= began for stored in history.telemetry)
    left_out = f"Rows from {instant(began).isoformat(' ', 'seconds')} on are left out: {beyond} rows of the LMS."
    assert lines[1] == left_out
    assert lines[2:] == [
        "To follow: learnpack-telemetry raw copy webhooks.raw.2",
        "To use it: TELEMETRY_RAW_TOPIC=webhooks.raw.2 TELEMETRY_PARTITIONS=2 TELEMETRY_GENERATION=2",
    ]
    copied = command("raw", "copy", "webhooks.raw.2")
    assert (copied.code, copied.out.splitlines()[0]) == (0, f"{len(late.webhooks)} records copied, 0 left out."), (
        copied.err
    )
    assert "behind which history cannot come" in refused("--postgres", lms.dsn, "--into", "webhooks.raw.2")

    second = Generation(
        own.model_copy(update={"raw_topic": "webhooks.raw.2", "generation": 2}), processes, processes.directory
    )
    for name, value in second.environment.items():
        monkeypatch.setenv(name, value)
    second.setup()
    second.start()

    def switched() -> bool:
        return command("raw", "switch").code == 0

    eventually(switched, 60, "the switch")
    eventually(lambda: figures(clickhouse, own.database) == figures(clickhouse, then.database), 60, "the same figures")
    assert left_out in imported("--postgres", lms.dsn)
    assert {tuple(row) for row in first} <= {tuple(row) for row in clickhouse.query(outcomes % 2).result_rows}
    assert clickhouse.command(f"SELECT count() = uniqExact(id) FROM {own.database}.raw FINAL") == 1
