"""The directory follows the LMS by an outbox and Debezium (docs/directory.md, "With Debezium")."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest

from operations.directory import load_reference
from schemas.wire.topics import Topics
from tests.chaos.kafka import lines, produce, read_all
from tests.support.commands import command
from tests.support.connect import Connect
from tests.support.lms_directory import QUERIES, make_outbox, make_tables
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from schemas.reference.lookup import Kind, Reference
    from schemas.settings import Settings
    from tests.support.postgres import Database
    from tests.support.processes import Child, Processes

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(900)]

KINDS: Final[tuple[Kind, ...]] = ("academies", "users", "assets", "tasks")
MANY: Final = 10_000
STUDENT: Final = 9_001


@pytest.fixture
def lms(postgres_database: Database) -> Iterator[Database]:
    """An LMS with 10,000 assets more, and the outbox of the example."""
    make_tables(postgres_database)
    postgres_database.execute(
        "INSERT INTO registry_asset (id, slug, lang, asset_type, graded, academy_id) "
        "SELECT n, 'asset-' || n, 'us', 'EXERCISE', true, 4 FROM generate_series(1000, 999 + %s) AS n",
        (MANY,),
    )
    make_outbox(postgres_database)
    yield postgres_database
    # A database whose log is being read cannot be dropped, and the connector has only just been killed.
    active = "SELECT 1 FROM pg_replication_slots WHERE active AND database = current_database()"
    eventually(lambda: not postgres_database.execute(active), 60, "the slot to be let go")


def records(database: Database, kind: Kind) -> dict[int, Any]:
    """What the LMS has of a kind, as its view shows it."""
    if kind == "academies":
        rows = database.execute("SELECT id, row_to_json(v)::text FROM telemetry_academies AS v")
    elif kind == "users":
        rows = database.execute("SELECT id, row_to_json(v)::text FROM telemetry_users AS v")
    elif kind == "assets":
        rows = database.execute("SELECT id, row_to_json(v)::text FROM telemetry_assets AS v")
    else:
        rows = database.execute("SELECT id, row_to_json(v)::text FROM telemetry_tasks AS v")
    return {number: orjson.loads(text) for number, text in rows}


def differences(settings: Settings, database: Database) -> list[str]:
    """How the directory differs from the LMS; raises what the view raises for a record that is none."""
    reference: Reference = asyncio.run(load_reference(settings))
    found = []
    for kind in KINDS:
        held = {int(key): orjson.loads(value) for key, value in reference.records(kind)}
        wanted = records(database, kind)
        if held != wanted:
            odd = [number for number in {**held, **wanted} if held.get(number) != wanted.get(number)]
            found.append(f"{kind}: {len(odd)}, {odd[:3]}")
    return found


def become_the_same(settings: Settings, database: Database, seconds: float) -> None:
    """Wait until the directory is what the LMS has."""

    def are_the_same() -> bool:
        found = differences(settings, database)
        assert not found, found
        return True

    eventually(are_the_same, seconds, "the directory")


def verdict(settings: Settings) -> str:
    """What a strict worker says of a batch of the student that is sent now."""
    topics = Topics.of(settings)

    def outcomes() -> list[Any]:
        found = asyncio.run(read_all(settings.kafka, topics.outcomes, settings.partitions))
        return [orjson.loads(line) for line in lines(record for part in found for record in part)]

    before = len(outcomes())
    body = {"telemetry_id": f"run-{before}", "user_id": STUDENT, "slug": "hello-world", "steps": []}
    asyncio.run(produce(settings.kafka, topics.raw, [(0, b"%d" % STUDENT, orjson.dumps(body), [])]))
    return str(eventually(lambda: outcomes()[before:])[0]["status_text"])


def test_the_directory_follows_whatever_is_killed(
    lms: Database,
    installed: Settings,
    start_part: Callable[..., Child],
    processes: Processes,
    tmp_path: Path,
) -> None:
    """Snapshot, updates and deletions arrive; a connector that is killed misses nothing; a running worker follows."""
    connect = Connect(installed, lms, processes, tmp_path)
    lms.execute("SELECT telemetry_tell_all()")
    connector = connect.start()
    become_the_same(installed, lms, 180)

    lms.execute("UPDATE registry_asset SET title = 'Changed' WHERE id % 7 = 0")
    lms.execute("DELETE FROM registry_asset WHERE id % 11 = 0")
    lms.execute("UPDATE authenticate_profileacademy SET status = 'ACTIVE' WHERE user_id = 8")
    lms.execute("UPDATE registry_asset SET slug = 'hello-worlds' WHERE id = 318")
    become_the_same(installed, lms, 120)

    connector.kill()
    lms.execute("DELETE FROM auth_user WHERE id = 7")
    lms.execute("UPDATE registry_asset SET title = 'While it was away' WHERE id % 5 = 0")
    lms.execute("UPDATE registry_asset SET slug = 'hello-world' WHERE id = 318")
    lms.execute("DELETE FROM telemetry_outbox WHERE id < (SELECT max(id) FROM telemetry_outbox)")
    connect.start()
    become_the_same(installed, lms, 120)
    assert 7 not in records(lms, "users")

    same = command("directory", "sync", "--postgres", lms.dsn, "--query-file", QUERIES)
    assert same.code == 0, same.err
    assert {line.split(", ")[1] for line in same.out.splitlines() if "tokens" not in line} == {"0 written"}

    start_part("worker", DIRECTORY="strict")
    assert "not found" in verdict(installed)
    lms.execute("INSERT INTO auth_user (id, first_name) VALUES (%s, 'New')", (STUDENT,))
    lms.execute(
        "INSERT INTO assignments_task (id, user_id, associated_slug) VALUES (%s, %s, 'hello-world')", (STUDENT, STUDENT)
    )
    changed = time.monotonic()
    eventually(lambda: verdict(installed) == "OK", 60, "the student in the worker")
    print(f"in force in a running worker {time.monotonic() - changed:.1f} s after the commit")  # noqa: T201 - a figure
    lms.execute("DELETE FROM auth_user WHERE id = %s", (STUDENT,))
    eventually(lambda: "not found" in verdict(installed), 60, "the student gone")
