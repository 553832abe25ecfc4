"""Parts of a system that has lived, recomputed in place: a student, a tutorial, an academy.

One system serves all tests, in their order. What is expected of a part is what a replay of everything computes.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import orjson
import pytest

from operations.directory import publish_reference
from schemas.wire.generations import Phase
from schemas.wire.rows import ASSET_DAILY, DEAD_LETTERS, GENERATION_TABLES, WEBHOOKS
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce
from tests.support.http_system import HttpSystem, http_system
from tests.support.replay import comparison, journal, leftovers, live_a_while, replay, start_replay, stored
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import Stack

pytestmark = pytest.mark.system

RULES = "/v1/assignment/academy/learnpack/telemetry-webhook-ignore"
INCIDENTAL = {"written_at", "computed_at", "scores_seen", "facts_seen", "deleted", "version"}
RULES_NOW = [{"events": ["test"]}, {"package_slugs": ["node-api-tutorial"]}]
# The directory learns that one tutorial of the documents is another one's alias.
ALIAS = {
    "id": 9901,
    "slug": "postcard",
    "title": "Postcard",
    "lang": "us",
    "graded": True,
    "aliases": ["exercise-postcard"],
}

Tables = dict[str, dict[str, list[dict[str, str]]]]


def by_student(system: HttpSystem, generation: int) -> Tables:
    """The rows of a generation by table and student, without what says when or in which order they were written."""
    client = clickhouse_connect.get_client(
        dsn=system.settings.clickhouse.get_secret_value(), autogenerate_session_id=False
    )
    found: Tables = {}
    with contextlib.closing(client):
        for table in GENERATION_TABLES:
            if table in {ASSET_DAILY, DEAD_LETTERS}:
                continue
            names = [name for name in table.names if name not in INCIDENTAL]
            columns = ", ".join(f"toString({name})" for name in names)
            sql = f"SELECT {columns} FROM {system.settings.database}_g{generation}.{table.name} FINAL ORDER BY ALL"
            students = found.setdefault(table.name, {})
            for row in client.query(sql).result_rows:
                columns_of = dict(zip(names, map(str, row), strict=True))
                students.setdefault(columns_of["student_id" if table is WEBHOOKS else "actor"], []).append(columns_of)
    return found


def with_student(tables: Tables, other: Tables, *students: str) -> Tables:
    """The tables with some students' rows as others have them."""
    changed = {name: {**rows, **{one: other[name].get(one, []) for one in students}} for name, rows in tables.items()}
    return {name: {one: rows for one, rows in found.items() if rows} for name, found in changed.items()}


@pytest.fixture(scope="module")
def system(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """A system with a history, after which rules and directory have changed."""
    with http_system(stack, tmp_path_factory.mktemp("parts"), directory="open") as running:
        live_a_while(running)
        # Nobody can read it, whatever the rules are.
        raw = Topics.of(running.settings).raw
        asyncio.run(produce(stack.kafka, raw, [(None, b"501", b"{", [("source", b"learnpack")])]))
        letters = "SELECT count() FROM webhooks WHERE verdict = 'dead'"
        eventually(lambda: running.query(letters) == [(1,)], 60, "the dead letter")
        with running.client() as client:
            assert client.put(RULES, json={"rules": RULES_NOW}).is_success
        topic = Topics.of(running.settings).assets
        asyncio.run(publish_reference(running.settings, topic, [(b"9901", orjson.dumps(ALIAS))]))
        yield running


@pytest.fixture(scope="module")
def expected(system: HttpSystem) -> Tables:
    """What a replay of everything by today's rules computes; nobody agrees to swap."""
    replay(system, "--rules", "current", "--workers", "1")
    try:
        return by_student(system, 2)
    finally:
        replay(system, "drop", "--yes")


def post(system: HttpSystem, user: int, **event: Any) -> None:
    """A streamed event."""
    sent = {
        "user_id": user,
        "slug": "s",
        "package_slug": "everybodys",
        "event": "open_step",
        "telemetry_id": "x",
        **event,
    }
    with system.client() as client:
        assert client.post("/v1/assignment/me/telemetry", json=sent).text == "ok"


def part_comparison(system: HttpSystem) -> dict[str, Any]:
    """The comparison that the replay of a part has saved."""
    path = system.settings.data.absolute() / "replay" / "comparison-part.json"
    found: dict[str, Any] = orjson.loads(path.read_bytes())
    return found


def test_a_dry_run_of_a_part_changes_nothing(system: HttpSystem, expected: Tables) -> None:
    """It says what would change, and leaves rows, journal, topics and groups as they were."""
    before, left = by_student(system, 1), leftovers(system.settings)
    assert expected != before

    told = replay(system, "--student", "501", "--rules", "current", "--dry-run")

    assert "Student 501 beside generation 1" in told
    found = part_comparison(system)
    changes = {(one["live_verdict"], one["new_verdict"]) for one in found["verdicts"]}
    assert changes == {("ignored", "stored"), ("stored", "ignored")}
    assert not found["equal"]
    assert by_student(system, 1) == before
    assert leftovers(system.settings) <= left | {f"group {system.settings.topic_prefix}generations"}
    assert journal(system.settings).step is Phase.IDLE


@pytest.mark.parametrize("part", [("--student", "424242"), ("--asset", "no-such-slug"), ("--academy", "4242")])
def test_a_part_that_is_not_there_is_named(system: HttpSystem, part: tuple[str, str]) -> None:
    """Nobody's replay says so and fails; it looks like no replay in which every row was the same."""
    child = start_replay(system, *part, "--yes")

    assert child.process.wait(180) == 1
    assert f"error: there is no webhook and no row of {part[0][2:]} {part[1]}: nothing to recompute" in child.output
    assert "Every row is the same" not in child.output
    assert journal(system.settings).step is Phase.IDLE


def test_a_student_is_as_everything_computed_anew_has_it(system: HttpSystem, expected: Tables) -> None:
    """Rows of that student are replaced, added and taken back; everybody else's stay; a second time nothing is left."""
    before = by_student(system, 1)

    told = replay(system, "--student", "501", "--rules", "current", "--yes")

    assert "Webhooks waited for" in told
    assert by_student(system, 1) == with_student(before, expected, "501")
    assert len(before["events"]["501"]) != len(expected["events"]["501"])
    told = replay(system, "--student", "501", "--rules", "current", "--yes")
    assert "Every row is the same." in told
    assert "Webhooks waited for" not in told


def test_rows_under_another_slug_are_gone(system: HttpSystem, expected: Tables) -> None:
    """By today's directory a student's documents belong to another tutorial; nothing is left under the first one."""
    before = by_student(system, 1)
    assert {row["asset_slug"] for row in before["telemetry"]["10013"]} == {"exercise-postcard"}

    replay(system, "--student", "10013", "--yes")

    assert by_student(system, 1) == with_student(before, expected, "10013")
    for table in ("events", "telemetry", "scores", "student_day"):
        rows = system.query(f"SELECT DISTINCT asset_slug FROM {table} WHERE actor = '10013'")
        assert rows == [("postcard",)], table


def test_what_comes_next_folds_on_the_new_state(system: HttpSystem) -> None:
    """After more webhooks a replay of everything, as recorded, agrees on everyone but those of the moved tutorial."""
    sent = int(system.query("SELECT count() FROM raw")[0][0])
    for number in range(6):
        post(
            system,
            501,
            event="compile",
            telemetry_id="run-1",
            slug=f"step-{number % 3}",
            step_position=number % 3,
            data={"starting_at": 1_772_438_400_000 + number * 60_000, "exit_code": number % 2},
        )
    post(system, 501, event="test", telemetry_id="run-1", slug="step-0", step_position=0, data={"exit_code": 0})
    stored(system, sent + 7)

    replay(system, "--asset", "postcard", "--yes")
    replay(system, "--dry-run", "--workers", "1")

    generation = journal(system.settings).last
    assert comparison(system, generation)["equal"], comparison(system, generation)


def test_a_killed_replay_of_a_part_holds_nobody_up(system: HttpSystem, expected: Tables) -> None:
    """Killed while the workers wait, it leaves a system that goes on by itself; a second run does all of it."""
    killed = start_replay(system, "--academy", "1", "--rules", "current", "--yes")
    eventually(lambda: journal(system.settings).step is Phase.PATCHING, 60, "the pause")
    killed.kill()
    post(system, 7001)

    eventually(
        lambda: system.query("SELECT count() FROM events WHERE user_id = 7001")[0][0] > 0, 60, "the event of 7001"
    )

    # Who had not heard of the pause may have processed it before anybody ended that.
    eventually(lambda: journal(system.settings).step is Phase.IDLE, 60, "the end of the pause")
    replay(system, "--academy", "1", "--rules", "current", "--yes")
    told = replay(system, "--academy", "1", "--rules", "current", "--dry-run")
    assert "Every row is the same." in told
    # Of a document that a rule ignores now not even the claim is left.
    for table in ("events", "telemetry", "scores", "student_day", "claims"):
        assert "10038" not in by_student(system, 1)[table]
    now = by_student(system, 1)
    assert now == with_student(expected, now, "501", "7001")
