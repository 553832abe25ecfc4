"""The outbox's triggers in the LMS's database (deploy/examples/lms): what they tell, and what they let be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg
import pytest

from tests.support.lms_directory import make_outbox, make_tables
from tests.support.outbox import KINDS, Log, records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import LiteralString

    from tests.support.postgres import Database

LARGEST: Final = 1 << 20


@pytest.fixture
def lms(postgres_database: Database) -> Database:
    """An LMS with a few rows and the outbox of the example, which was run twice."""
    make_tables(postgres_database)
    make_outbox(postgres_database)
    make_outbox(postgres_database)
    return postgres_database


@pytest.fixture
def log(lms: Database) -> Iterator[Log]:
    """What is told from the beginning of the test on."""
    with Log.followed(lms) as log:
        yield log


def untold(database: Database) -> list[tuple[object, ...]]:
    """What could not be told: kind, id, and why."""
    return database.execute("SELECT aggregatetype, aggregateid, error FROM telemetry_untold ORDER BY id")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE auth_user SET first_name = 'Augusta' WHERE id = 7", {("users", 7)}),
        ("UPDATE auth_user SET first_name = first_name, email = 'a@lms.example'", set()),
        ("UPDATE authenticate_profileacademy SET user_id = 8 WHERE user_id = 7", {("users", 7), ("users", 8)}),
        ("UPDATE registry_asset SET slug = 'hello-worlds' WHERE id = 318", {("assets", 318), ("assets", 319)}),
        ("UPDATE registry_asset SET title = 'Hi' WHERE id = 318", {("assets", 318)}),
        ("UPDATE registry_assetalias SET asset_id = 319 WHERE slug = 'hello'", {("assets", 318), ("assets", 319)}),
        ("DELETE FROM registry_asset_all_translations WHERE from_asset_id = 319", {("assets", 319)}),
        ("UPDATE assignments_task SET id = 71", {("tasks", 70), ("tasks", 71)}),
        ("DELETE FROM auth_user WHERE id = 7", {("users", 7), ("tasks", 70)}),
        ("TRUNCATE assignments_task", {("tasks", 70)}),
        ("TRUNCATE authenticate_profileacademy", {("users", 7), ("users", 8)}),
        ("TRUNCATE auth_user CASCADE", {("users", 7), ("users", 8), ("tasks", 70)}),
    ],
)
def test_a_change_tells_the_records_that_it_is_part_of(
    lms: Database, log: Log, statement: LiteralString, told: set[tuple[str, int]]
) -> None:
    """These and no others, as they are after it."""
    lms.execute(statement)

    rows = log.told()
    assert {(kind, number) for kind, number, _ in rows} == told
    assert all(record == records(lms, kind).get(number) for kind, number, record in rows)
    assert untold(lms) == []


def test_migrations_of_the_lms_go_on(lms: Database) -> None:
    """Columns that a record shows change their type and name and go; what cannot be told then is kept for later."""
    lms.execute("ALTER TABLE auth_user ALTER COLUMN first_name TYPE varchar(200)")
    lms.execute("ALTER TABLE assignments_task ALTER COLUMN id TYPE bigint")
    lms.execute("ALTER TABLE assignments_task RENAME COLUMN title TO name")
    lms.execute("ALTER TABLE registry_asset DROP COLUMN graded")
    lms.execute("UPDATE assignments_task SET task_status = 'DONE'")
    lms.execute("DELETE FROM registry_asset WHERE id = 319")
    lms.execute("UPDATE registry_asset SET slug = 'hello-worlds' WHERE id = 318")

    assert {row[:2] for row in untold(lms)} == {("tasks", 70), ("assets", 319), ("assets", 318), ("assets", None)}

    lms.execute("ALTER TABLE assignments_task RENAME COLUMN name TO title")
    lms.execute("ALTER TABLE registry_asset ADD COLUMN graded bool")
    with Log.followed(lms) as log:
        with psycopg.connect(lms.dsn, autocommit=True) as connection:
            connection.execute("CALL telemetry_tell_all()")
        told = log.told()
    assert ("assets", 319, None) in told
    assert {kind: {n: record for k, n, record in told if k == kind and record} for kind in KINDS} == {
        kind: records(lms, kind) for kind in KINDS
    }
    assert untold(lms) == []


def test_whoever_writes_the_tables_needs_nothing_of_the_outbox(lms: Database, log: Log) -> None:
    """A role without rights to it, in a session without a search_path; it cannot tell anything of its own."""
    role = lms.name
    with psycopg.connect(lms.dsn) as connection:
        connection.execute(f"CREATE ROLE {role}".encode())
        connection.execute(f"GRANT SELECT, UPDATE, DELETE ON auth_user, assignments_task TO {role}".encode())
        connection.execute(f"SET LOCAL ROLE {role}".encode())
        connection.execute("SET LOCAL search_path = ''")
        connection.execute("UPDATE public.auth_user SET first_name = 'Augusta' WHERE id = 7")
        connection.execute("DELETE FROM public.assignments_task")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("SELECT public.telemetry_tell('users', '{7}')")
        connection.execute("RESET ROLE")
        connection.execute("RESET search_path")
        connection.execute(f"DROP OWNED BY {role}".encode())
        connection.execute(f"DROP ROLE {role}".encode())

    assert [(kind, number) for kind, number, _ in log.told()] == [("users", 7), ("tasks", 70)]


def test_columns_that_cannot_be_compared_are_written(lms: Database, log: Log) -> None:
    """A `json` column, with what `jsonb` would refuse."""
    lms.execute("ALTER TABLE assignments_task ADD COLUMN config json")
    lms.execute("""UPDATE assignments_task SET config = '{"a": "\\u0000"}'""")
    lms.execute("UPDATE assignments_task SET title = 'Hi'")

    assert [record["title"] for _, _, record in log.told()] == ["Hello", "Hi"]


def test_a_record_over_1_mib_is_left_out(lms: Database, log: Log) -> None:
    """The largest is told; of one that is larger it is said, and it is told as soon as it is shorter."""
    size = len("".join(row[0] for row in lms.execute("SELECT record FROM telemetry_records('assets', '{319}')")))
    room = LARGEST - size + len("Hola")
    fill: LiteralString = "UPDATE registry_asset SET title = repeat('x', %s) WHERE id = 319"
    lms.execute(fill, (room,))
    assert len(log.told()) == 1

    lms.execute(fill, (room + 1,))
    assert log.told() == []
    assert untold(lms) == [("assets", 319, "larger than 1 MiB")]

    lms.execute(fill, (1,))
    assert [record["title"] for _, _, record in log.told()] == ["x"]


def test_many_rows_are_told_by_one_statement(lms: Database, log: Log) -> None:
    """50,000 users, each with its academies."""
    lms.execute("INSERT INTO auth_user (id, first_name) SELECT n, 'x' FROM generate_series(10001, 60000) AS n")
    lms.execute(
        "INSERT INTO authenticate_profileacademy (user_id, academy_id) SELECT id, 4 FROM auth_user WHERE id > 9999"
    )
    log.told()
    with psycopg.connect(lms.dsn) as connection:
        # Some seconds, and several times that on a machine that has much else to do.
        connection.execute("SET LOCAL statement_timeout = '60s'")
        connection.execute("UPDATE auth_user SET last_name = 'y' WHERE id > 9999")

    told = log.told()
    assert len(told) == 50_000
    assert {tuple(record["academies"]) for _, _, record in told} == {(4,)}
