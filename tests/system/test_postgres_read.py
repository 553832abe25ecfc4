"""PostgreSQL as commands read it: its settings in force, whatever stands between, and texts as they are."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from operations.directory_sync.source import Clock, QueryError, Source
from operations.postgres import PostgresError, reading
from tests.support.blocks import run_by
from tests.support.pooler import pooler
from tests.support.postgres import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.system


@pytest.fixture
def ascii_database(postgres: PostgresServer) -> Iterator[Database]:
    """One of encoding SQL_ASCII with Málaga in UTF-8 and, as 2, in Latin-1."""
    name = f"ascii_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(Database(postgres.port, "postgres").dsn, autocommit=True) as connection:
        named = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE DATABASE {} ENCODING 'SQL_ASCII' TEMPLATE template0").format(named))
        try:
            database = Database(postgres.port, name)
            database.execute("CREATE TABLE academy (id int, name text)")
            for number, encoding in ((1, "UTF8"), (2, "LATIN1")):
                database.execute(
                    "INSERT INTO academy VALUES (%s, convert_from(%s, 'SQL_ASCII'))",
                    (number, "Málaga".encode("utf-8" if encoding == "UTF8" else "latin-1")),
                )
            yield database
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(named))


@pytest.fixture
def reader(postgres_database: Database) -> Iterator[str]:
    """A user that may log in with the password p, to a database whose times are those of Bogotá."""
    user = f"reader_{uuid.uuid4().hex[:10]}"
    role, lms = sql.Identifier(user), sql.Identifier(postgres_database.name)
    postgres_database.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'p'").format(role))
    postgres_database.execute(sql.SQL("ALTER DATABASE {} SET timezone = 'America/Bogota'").format(lms))
    yield user
    postgres_database.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.mark.parametrize("refuses", [True, False])
def test_what_the_page_gives_a_user_is_enough(postgres_database: Database, reader: str, *, refuses: bool) -> None:
    """A pooler that leaves out that nothing is written is named with what to do, and read through once it is done."""
    (block,) = run_by("tests/system/test_postgres_read.py::test_what_the_page_gives_a_user_is_enough")
    statements = block.text.splitlines()
    with pooler(postgres_database.port, refuses=refuses) as port:
        dsn = f"postgresql://{reader}:p@127.0.0.1:{port}/{postgres_database.name}"
        with pytest.raises(PostgresError) as caught, reading(dsn, statement_seconds=60):
            pass
        assert "a pooler such as PgBouncer leaves it out" in str(caught.value)
        for statement in statements:
            assert statement.partition(" SET ")[2].rstrip(";") in str(caught.value)
            given = statement.replace("ROLE telemetry", f"ROLE {reader}")
            postgres_database.execute(sql.SQL(given).format())

        with reading(dsn, statement_seconds=60) as connection:
            for _ in range(10):
                assert connection.execute("SELECT 1").fetchone() == (1,)
            assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
        with pytest.raises(PostgresError, match=r"read-only.*it answers"), reading(dsn) as connection:
            connection.execute("CREATE TABLE x (id int)")


def test_options_that_a_pooler_does_not_take_are_named(postgres_database: Database) -> None:
    """Those of the address itself are never left out unasked."""
    with pooler(postgres_database.port, refuses=True) as port:
        dsn = f"{Database(port, postgres_database.name).dsn}?options=-csearch_path%3Dlms"
        with pytest.raises(PostgresError, match="PgBouncer stands between: take `options` out of"), reading(dsn):
            pass


def test_texts_of_a_database_without_an_encoding(ascii_database: Database) -> None:
    """UTF-8 is read as such; of others it is said what to do."""
    with reading(ascii_database.dsn) as connection:
        assert connection.execute("SELECT name FROM academy WHERE id = 1").fetchone() == ("Málaga",)
        source = Source(connection, {"academies": "SELECT id, name FROM academy"}, Clock())
        with pytest.raises(QueryError, match=r"the query of academies fails: .*0xe1.*convert_from\(column::bytea"):
            source.page("academies", None)
    with pytest.raises(PostgresError, match=r"convert_from\(column::bytea"), reading(ascii_database.dsn) as connection:
        connection.execute("SELECT name FROM academy")


@pytest.mark.parametrize("query", ["connect_timeout=abc", "connect_timeout=1.5"])
def test_a_time_to_connect_is_a_number(postgres_database: Database, query: str) -> None:
    """In one line, without the address."""
    with pytest.raises(PostgresError, match="`connect_timeout` is no whole number of seconds"):
        reading(f"{postgres_database.dsn}?{query}").__enter__()


def test_a_server_that_answers_nothing_is_left(postgres_database: Database) -> None:
    """One that has let its client in and is stopped then: nothing waits for it without an end."""
    with pooler(postgres_database.port, refuses=False, is_mute=True) as port:
        opened = reading(Database(port, postgres_database.name).dsn, connect_seconds=1)
        with pytest.raises(PostgresError, match="check --postgres"), opened:
            pass
