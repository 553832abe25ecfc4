"""The LMS's history comes in as of then: what readers see is what a system that had run then would show."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import TYPE_CHECKING

import orjson
import pytest

from schemas.wire.topics import Topics
from tests.chaos.kafka import ends
from tests.support.arrived import in_every_table
from tests.support.commands import command
from tests.support.generations import Generation
from tests.support.history import digests, figures, imported, log, ran_then
from tests.support.lms import DAY_MS, Lms, Stored
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.postgres import Database
    from tests.support.processes import Child, Processes

pytestmark = pytest.mark.system

CHUNKS = "import operations.history.importing as i; i._CHUNK_ROWS = 20; from deploy.cli import main; main()"


def test_imported_years_are_what_a_system_that_ran_then_would_show(
    own: Settings, lms: Database, clickhouse: Client, processes: Processes, tmp_path: Path
) -> None:
    """Facts, scores, and every day's figures, with what staff had set; a second run changes nothing of it."""
    history = Lms.of_days(400, 5)
    # Staff have set the scores of one row, and of a student without any document.
    by_hand = history.telemetry[0]
    last = history.webhooks[-1][0]
    set_ = [
        Stored(by_hand.user, by_hand.slug, by_hand.document, last + 1_000, {"engagement_score": 77.0}),
        Stored(31_000, "by-hand", None, last + 2_000, {"completion_rate": 100.0, "total_time": 60.0}),
    ]
    history.telemetry = [*history.telemetry[1:], *set_]

    then = own.model_copy(update={"topic_prefix": f"{own.topic_prefix}b.", "database": f"{own.database}_b"})
    for name, system_settings in (("then", then), ("own", own)):
        system = Generation(system_settings, processes, tmp_path / name)
        system.directory.mkdir()
        outcome = processes.start([sys.executable, "-m", "deploy.cli", "setup"], system.environment)
        assert outcome.process.wait(60) == 0, outcome.output
        if system_settings is then:
            ran_then(then, history, set_)
        else:
            history.fill(lms)
            said = imported("--postgres", lms.dsn)
            assert said == (
                f"400 webhooks and {len(history.telemetry)} documents imported (2 with scores that staff had set), "
                "0 were there.\n"
            )
        system.start()

    def agree() -> bool:
        return figures(clickhouse, own.database) == figures(clickhouse, then.database)

    def complete() -> bool:
        found = figures(clickhouse, then.database)
        return 77.0 in {row[2] for row in found["scores"]} and {100.0} <= {row[4] for row in found["scores"]}

    eventually(complete, 60, "what staff had set")
    eventually(agree, 60, "the same figures")
    in_every_table(own)
    expected = figures(clickhouse, own.database)
    days = {row[0] for row in expected["asset_daily"]}
    assert len(days) >= 5
    assert (max(days) - min(days)).days < 7
    assert {row[2] for row in expected["scores"] if row[1] == by_hand.slug and row[0] == by_hand.user} == {77.0}

    compared = command("import", "compare", "--postgres", lms.dsn)
    assert (compared.code, compared.err) == (0, "")
    whole = f"{len(history.telemetry)} rows compared, none of them missing or unexplained."
    assert compared.out.splitlines()[-1] == whole
    # A row that staff changed meanwhile differs for no reason that is known, and another one was never imported.
    lms.execute("UPDATE assignments_assignmenttelemetry SET frustration_score = 99.5 WHERE user_id = 31000")
    # Nobody has a negative id, and the comparison goes on.
    history.add_telemetry(lms, [Stored(user, "never", {"steps": []}, last, {}) for user in (32_000, -5)])
    report = tmp_path / "compared.ndjson"
    compared = command("import", "compare", "--postgres", lms.dsn, "--report", report)
    assert (compared.code, "3 rows of " in compared.complaint) == (1, True)
    kinds = {row["user_id"]: row["kind"] for row in map(orjson.loads, report.read_bytes().splitlines())}
    assert {user: kind for user, kind in kinds.items() if user > 30_000} == {31_000: "unexplained", 32_000: "missing"}
    assert kinds.pop(-5) == "missing"
    assert {"equal", "newer"} == {kind for user, kind in kinds.items() if user < 30_000}
    lms.execute("DELETE FROM assignments_assignmenttelemetry WHERE user_id IN (32000, -5)")

    before = asyncio.run(ends(own.kafka, Topics.of(own).raw, 2))
    taken = 400 + len(history.telemetry)
    assert imported("--postgres", lms.dsn) == f"0 webhooks and 0 documents imported, {taken} were there.\n"
    assert asyncio.run(ends(own.kafka, Topics.of(own).raw, 2)) == before
    assert agree()


def _far_or_over(settings: Settings, goal: int, child: Child) -> bool:
    written = sum(asyncio.run(ends(settings.kafka, Topics.of(settings).raw, 2)))
    return written > goal or child.process.poll() is not None


def test_an_import_that_is_killed_goes_on_and_brings_nothing_twice(
    own: Settings, lms: Database, processes: Processes
) -> None:
    """Killed at some moments and run again, each row is in the log once, each student's in the order of time."""
    history = Lms.of_days(1_500, 3)
    history.fill(lms)
    assert command("setup").code == 0
    arguments = [sys.executable, "-c", CHUNKS, "import", "lms", "--postgres", lms.dsn]
    for goal in (1, 400, 900):
        child = processes.start(arguments)
        eventually(partial(_far_or_over, own, goal, child), 60, f"{goal} records")
        child.kill()
    child = processes.start(arguments)
    assert child.process.wait(60) == 0, child.output
    assert f"{1_500 + len(history.telemetry)} were there" not in child.output

    records = log(own)
    receipts = [receipt for _, receipt, *_ in records]
    assert len(receipts) == len(set(receipts)) == 1_500 + len(history.telemetry)
    for key in {key for key, *_ in records}:
        times = [at for one, _, at, _ in records if one == key]
        assert times == sorted(times)


def test_files_that_the_lms_exports_say_the_same(
    own: Settings, lms: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `row_to_json`, in any order and in several files: the records are those that the database gives."""
    history = Lms.of_days(120, 2)
    history.fill(lms)
    assert command("setup").code == 0
    imported("--postgres", lms.dsn)
    expected = log(own)

    files = [tmp_path / "webhooks.ndjson", tmp_path / "telemetry.ndjson"]
    for file, table in zip(files, ("learnpackwebhook", "assignmenttelemetry"), strict=True):
        query = f"SELECT row_to_json(t)::text FROM assignments_{table} t ORDER BY id DESC"
        file.write_text("".join(f"{text}\n" for (text,) in lms.execute(query)))
    monkeypatch.setenv("TELEMETRY_TOPIC_PREFIX", f"{own.topic_prefix}f.")
    assert command("setup").code == 0
    imported(*files)
    assert log(own.model_copy(update={"topic_prefix": f"{own.topic_prefix}f."})) == expected


def _file(path: Path, numbers: range, at: str, **more: str) -> Path:
    rows = [{"id": one, "created_at": at, "payload": {"user_id": one, "slug": "a"}, **more} for one in numbers]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def test_what_was_passed_over_or_left_out_is_not_said_to_be_there(own: Settings, tmp_path: Path) -> None:
    """Older files that come second, and what a first run left out."""
    assert command("setup").code == 0
    first = _file(tmp_path / "2026.ndjson", range(100, 110), "2026-06-01T00:00:00Z")
    ruled = {"status": "IGNORED", "status_text": "Ignored by academy 4"}
    ignored = _file(tmp_path / "ignored.ndjson", range(110, 112), "2026-06-02T00:00:00Z", **ruled)
    ahead = _file(tmp_path / "ahead.ndjson", range(112, 113), "2099-06-02T00:00:00Z")
    older = _file(tmp_path / "2025.ndjson", range(1, 8), "2025-06-01T00:00:00Z")
    assert imported(first, ignored, ahead) == (
        "10 webhooks and 0 documents imported, 0 were there.\n"
        "2 rows left out: that a rule of the LMS ignored (--with-ignored takes them in).\n"
        "1 row left out: without a usable time (none, before 2000, or ahead of now).\n"
    )
    again = command("import", "lms", "--with-ignored", first, ignored)
    assert (again.code, again.err, again.out) == (
        *(0, ""),
        "0 webhooks and 0 documents imported, 10 were there.\n2 rows had been left out before, and stay out.\n",
    )
    second = command("import", "lms", older)
    assert (second.code, " ".join(second.err.split())[:28]) == (0, "warning: 7 rows passed over:")
    # A file between two others may have been imported with them, or not.
    between = command("import", "lms", _file(tmp_path / "between.ndjson", range(104, 107), "2026-06-01T00:00:00Z"))
    assert (between.code, " ".join(between.err.split())[:31]) == (0, "note: 3 rows of these files lie")
    assert len(log(own)) == 10


@pytest.mark.usefixtures("own")
def test_a_comparison_of_nothing_is_a_failure(tmp_path: Path) -> None:
    """Whoever goes on after it has seen no score that agrees: an export that failed, or one of webhooks alone."""
    assert command("setup").code == 0
    empty = tmp_path / "empty.ndjson"
    empty.touch()
    of_webhooks = _file(tmp_path / "webhooks.ndjson", range(300), "2026-06-01T00:00:00Z")

    refused, nothing = command("import", "compare", empty), command("import", "compare", of_webhooks)

    assert (refused.code, refused.out) == (1, "")
    assert f"{empty} has no row: did whatever writes it fail?" in refused.complaint
    assert (nothing.code, nothing.out) == (1, "")
    assert "nothing was compared: 0 of 300 rows are telemetry" in nothing.complaint


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_fifty_thousand_rows_twice_give_the_same_tables(
    own: Settings, lms: Database, clickhouse: Client, processes: Processes, tmp_path: Path
) -> None:
    """Years of many students; the second run finds nothing to do, and nobody has to do anything after it."""
    history = Lms.of_days(50_000, 700, students=400)
    # The load begins in May 2026: all of it is to be over.
    history.webhooks = [(at - 600 * DAY_MS, payload) for at, payload in history.webhooks]
    history.telemetry = [
        Stored(row.user, row.slug, row.document, row.at - 600 * DAY_MS, row.scores) for row in history.telemetry
    ]
    history.fill(lms)
    system = Generation(own, processes, tmp_path)
    system.setup()
    imported("--postgres", lms.dsn)
    system.start()
    rows = 50_000 + len(history.telemetry)
    count = f"SELECT count() FROM {own.database}_g1.webhooks FINAL"
    eventually(lambda: clickhouse.command(count) == rows, 900, f"{rows} webhooks")

    def behind() -> int:
        return sum(one["lag"] for one in orjson.loads(command("status", "--json").out)["lag"])

    eventually(lambda: behind() == 0, 300, "no lag")
    before = digests(clickhouse, own.database)
    assert before["events"][0] > rows
    assert imported("--postgres", lms.dsn) == f"0 webhooks and 0 documents imported, {rows:,} were there.\n"
    assert behind() == 0
    assert digests(clickhouse, own.database) == before
