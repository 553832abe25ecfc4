"""docs/migrating.md is a path: every command on it, in its order, against a real PostgreSQL with the LMS's tables."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from psycopg import sql

from tests.support.arrived import in_every_table
from tests.support.blocks import ROOT, run_by
from tests.support.commands import as_environment
from tests.support.http_directory import secret
from tests.support.http_system import http_system
from tests.support.lms import Lms, Stored, make_tables
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.http_system import HttpSystem
    from tests.support.postgres import Database, PostgresServer
    from tests.support.stack import Stack

pytestmark = pytest.mark.system

RULES = "/v1/assignment/academy/learnpack/telemetry-webhook-ignore"
DAYS = 4000


@pytest.fixture(scope="module")
def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """One that nobody has sent anything to, and that keeps years."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("RAW_RETENTION_DAYS", "WEBHOOK_RETENTION_DAYS"):
            patched.setenv(f"TELEMETRY_{name}", str(DAYS))
        home = tmp_path_factory.mktemp("migrating")
        days: dict[str, Any] = {"raw_retention_days": DAYS, "webhook_retention_days": DAYS}
        with http_system(stack, home, directory="open", **days) as running:
            yield running


def test_the_page_is_a_path(
    system: HttpSystem, postgres: PostgresServer, postgres_database: Database, tmp_path: Path
) -> None:
    """Import a copy, compare, mirror, switch, go back: each block says what the page shows."""
    history = Lms.of_days(400, 5)
    by_hand = history.telemetry[0]
    scores = {"engagement_score": 77.0}
    history.telemetry[0] = Stored(by_hand.user, by_hand.slug, by_hand.document, by_hand.at + 1, scores)
    make_tables(postgres_database)
    history.fill(postgres_database)
    (tmp_path / "directory.ndjson").write_bytes(orjson.dumps({"kind": "user", "id": 20_001, "first_name": "Ada"}))
    (tmp_path / "rules-of-academy-4.json").write_text('{"rules": [{"user_ids": [1]}]}')
    environment = {
        **os.environ,
        **as_environment(system.settings),
        "TELEMETRY_TOKEN": secret("staff"),
        "TELEMETRY_WEBHOOK_RETENTION_DAYS": str(DAYS),
        "TELEMETRY_RAW_RETENTION_DAYS": str(DAYS),
        "LMS": _as_reader(postgres_database),
        "PGPASSWORD": "SECRET",
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), str(postgres.programs), os.environ["PATH"]]),  # noqa: PTH120
    }
    blocks = run_by("tests/system/test_migrating.py::test_the_page_is_a_path")
    begin, directory, bring, export, compare, mirror, counts, ledger, back = blocks

    def asked(text: str) -> list[tuple[Any, ...]]:
        query = text.replace("telemetry.", f"{system.settings.database}.")
        return [tuple(row) for row in system.query(query)]

    _run(begin.text, tmp_path, environment)
    _run(directory.text, tmp_path, environment)
    assert _run(bring.text, tmp_path, environment) == bring.output
    assert _run(export.text, tmp_path, environment) == export.output
    shown = ""

    def as_shown() -> bool:
        nonlocal shown
        shown = _run(compare.text, tmp_path, environment)
        return shown.split() == compare.output.split()

    try:
        eventually(as_shown, 90, "the comparison")
    except AssertionError as error:
        error.add_note(shown)
        raise
    kinds = {orjson.loads(line)["kind"] for line in (tmp_path / "compared.ndjson").read_bytes().splitlines()}
    assert kinds == {"equal", "newer"}

    # What comes now comes both ways, and is in the LMS with the time at which it came there.
    at = int(time.time() * 1000)
    batch = {**(by_hand.document or {}), "last_interaction_at": at}
    event = {"user_id": by_hand.user, "telemetry_id": batch["telemetry_id"], "slug": batch["steps"][0]["slug"]}
    event |= {"step_position": 0, "event": "compile", "data": {"starting_at": at, "ended_at": at, "exit_code": 0}}
    history.add_webhooks(postgres_database, [(at - 120_000, batch), (at - 120_000, event)])
    with system.client() as client:
        for payload in (batch, event):
            assert client.post("/v1/assignment/me/telemetry", json=payload).text == "ok"
    said = _run(mirror.text, tmp_path, environment)
    assert said.startswith("2 webhooks and 0 documents imported, 411 were there.\n")
    in_every_table(system.settings)
    # The LMS's rows are two minutes older, which may be another hour.
    hours = asked(counts.text)
    assert (sum(row[1] for row in hours), sum(row[2] for row in hours)) == (2, 2)
    assert asked(ledger.text) == [tuple(map(int, ledger.output.split()))]
    told = (
        "SELECT count() FROM events WHERE user_id = {user:UInt64} AND toUnixTimestamp64Milli(occurred_at) = {at:Int64}"
    )
    assert system.query(told, user=by_hand.user, at=at) == [(1,)]
    _run(back.text.replace("telemetry.telemetry", f"{system.settings.database}.telemetry"), tmp_path, environment)
    bodies = [orjson.loads(line) for line in (tmp_path / "documents.ndjson").read_bytes().splitlines()]
    assert (by_hand.user, at) in {(body["user_id"], body["last_interaction_at"]) for body in bodies}


def test_rules_are_the_same_on_both_sides(system: HttpSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one side changes the other takes over, at the first time and ever after; nothing goes round in circles."""
    (snippet,) = run_by("tests/system/test_migrating.py::test_rules_are_the_same_on_both_sides")
    monkeypatch.setenv("TELEMETRY_GATEWAY_URL", system.url)
    monkeypatch.setenv("TELEMETRY_TOKEN", secret("staff"))
    names: dict[str, Any] = {}
    exec(snippet.text, names)  # noqa: S102 - the page's
    keep_the_same = names["keep_the_same"]
    first, second, third = ({"rules": [{"user_ids": [number]}]} for number in (11, 12, 13))

    with system.client() as client:

        def here() -> Any:
            return client.get(RULES).json()

        def they_are(rules: Any) -> None:
            # What was put is in force at once, or a moment later where Kafka takes its time.
            eventually(lambda: here() == rules, 60, f"{rules} here")

        # The LMS had rules before there was anything here.
        lms: dict[str, Any] = {"telemetry_webhook_ignore": first, "other": 1}
        assert keep_the_same(1, lms) is True
        they_are(first)
        assert keep_the_same(1, lms) is False
        # Staff change them here.
        assert client.put(RULES, json=second).is_success
        they_are(second)
        assert keep_the_same(1, lms) is True
        assert lms["telemetry_webhook_ignore"] == second
        assert keep_the_same(1, lms) is False
        # And in the LMS, with what neither keeps; where both did, the LMS's settings win.
        lms["telemetry_webhook_ignore"] = third | {"unknown": None}
        assert client.put(RULES, json=first).is_success
        assert keep_the_same(1, lms) is True
        they_are(third)
        assert (lms["telemetry_webhook_ignore"], lms["other"]) == (third, 1)
        assert keep_the_same(1, lms) is False
        # An academy of which the LMS knows no rules takes over those of here; one that dropped them drops them here.
        other: dict[str, Any] = {}
        assert keep_the_same(1, other) is True
        assert other["telemetry_webhook_ignore"] == third
        other["telemetry_webhook_ignore"] = {}
        assert keep_the_same(1, other) is True
        they_are({})
        # One academy that the token lacks does not hold up those behind it.
        saved: list[int] = []
        told = names["keep_all_the_same"](
            {99: {}, 1: {"telemetry_webhook_ignore": first}}, lambda at, _: saved.append(at)
        )
        assert (list(told), told[99][:3], saved) == ([99], "403", [1])
        they_are(first)


def _as_reader(database: Database) -> str:
    """The address for the user that the page makes, which may read the two tables and nothing else."""
    page = (ROOT / "docs" / "migrating.md").read_text("utf-8")
    (grants,) = re.findall(r"^```sql\n(CREATE ROLE reader .*?)^```$", page, re.DOTALL | re.MULTILINE)
    database.execute(sql.SQL(grants).format())
    return f"postgresql://reader@{database.dsn.partition('@')[2]}"


def _run(text: str, directory: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout
