"""The directory follows the LMS by an outbox and Debezium (docs/directory.md, "With Debezium")."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import orjson
import psycopg
import pytest
from psycopg import sql

from operations.directory import load_reference
from schemas.wire.topics import Topics
from tests.chaos.kafka import lines, produce, read_all
from tests.support.commands import command
from tests.support.connect import Connect
from tests.support.lms_directory import QUERIES, make_outbox, make_tables
from tests.support.outbox import records
from tests.support.postgres import PASSWORD
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from schemas.reference.lookup import Kind, Reference
    from schemas.settings import Settings
    from tests.support.postgres import Database, PostgresServer
    from tests.support.processes import Child, Processes

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(900)]

KINDS: Final[tuple[Kind, ...]] = ("academies", "users", "assets", "tasks")
MANY: Final = 10_000
STUDENT: Final = 9_001
# Bytes of log that an import writes, at least.
NOISE: Final = 16 << 20


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
    role = sql.Identifier(connects_as(postgres_database))
    for statement in (
        sql.SQL("CREATE ROLE {} LOGIN REPLICATION PASSWORD {}").format(role, sql.Literal(PASSWORD)),
        sql.SQL("GRANT SELECT ON telemetry_outbox TO {}").format(role),
        sql.SQL("CREATE PUBLICATION learnpack_telemetry FOR TABLE telemetry_outbox"),
    ):
        postgres_database.execute(sql.Composed([statement]))
    yield postgres_database
    # A database whose log is being read cannot be dropped, and the connector has only just been killed.
    active = "SELECT 1 FROM pg_replication_slots WHERE active AND database = current_database()"
    eventually(lambda: not postgres_database.execute(active), 60, "the slot to be let go")
    postgres_database.execute(sql.SQL("DROP OWNED BY {}").format(role))
    postgres_database.execute(sql.SQL("DROP ROLE {}").format(role))


def connects_as(database: Database) -> str:
    """The user that the page has the connector be; users are the server's, not a database's."""
    return f"connect_{database.name}"


@pytest.fixture
def neighbour(postgres: PostgresServer) -> Iterator[Database]:
    """Another database of the LMS's server."""
    with postgres.database() as database:
        yield database


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


def tell_all(database: Database) -> None:
    """Tell all that the LMS has, as the page says."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("CALL telemetry_tell_all()")


def behind(database: Database) -> int:
    """How many bytes of its log the server keeps that the connector has not confirmed."""
    slot = "FROM pg_replication_slots WHERE database = current_database()"
    return int(database.execute(f"SELECT pg_current_wal_lsn() - confirmed_flush_lsn {slot}")[0][0])


def the_slot_goes_on(busy: Database, slot: Database) -> None:
    """Write what is no change of the directory, and wait until the server need not keep it."""
    busy.execute("CREATE TABLE IF NOT EXISTS imported (line text)")
    busy.execute("INSERT INTO imported SELECT repeat('x', 900) FROM generate_series(1, 20000)")
    eventually(lambda: behind(slot) < NOISE // 10, 90, "the slot to go on while the outbox is quiet")


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
    connect = Connect(installed, lms, processes, tmp_path, connects_as(lms))
    tell_all(lms)
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


def test_the_slot_goes_on_while_the_outbox_is_quiet(
    lms: Database, neighbour: Database, installed: Settings, processes: Processes, tmp_path: Path
) -> None:
    """The server keeps no log of what else is written, here or in another database, and the connector starts again."""
    connect = Connect(installed, lms, processes, tmp_path, connects_as(lms))
    connector = connect.start()
    tell_all(lms)
    become_the_same(installed, lms, 180)

    the_slot_goes_on(lms, lms)
    the_slot_goes_on(neighbour, lms)

    connector.kill()
    lms.execute("UPDATE auth_user SET first_name = 'Augusta' WHERE id = 7")
    connect.start()
    become_the_same(installed, lms, 120)
    the_slot_goes_on(neighbour, lms)


def test_a_row_that_is_too_large_is_passed(
    lms: Database, installed: Settings, processes: Processes, tmp_path: Path
) -> None:
    """A record of 1 MiB goes through; a larger row that stands in the log goes with a larger request."""
    connect = Connect(installed, lms, processes, tmp_path, connects_as(lms))
    connector = connect.start()
    lms.execute("UPDATE registry_asset SET title = repeat('x', 1048000) WHERE id = 319")
    tell_all(lms)
    become_the_same(installed, lms, 180)

    lms.execute("ALTER TABLE telemetry_outbox DROP CONSTRAINT telemetry_outbox_size")
    lms.execute(
        "INSERT INTO telemetry_outbox (aggregatetype, aggregateid, payload) "
        """SELECT 'assets', '319', '{"id": 319, "slug": "hola", "title": "' || repeat('x', 1200000) || '"}'"""
    )
    lms.execute("UPDATE registry_asset SET title = 'Hola' WHERE id = 319")
    eventually(lambda: "RecordTooLargeException" in connector.output, 60, "the connector to fail")
    connector.kill()
    connect.start(max_request_size=2 << 20)
    become_the_same(installed, lms, 120)
