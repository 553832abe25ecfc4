"""The PostgreSQL that tests take for the LMS's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.postgres import PostgresServer
from tests.support.processes import is_alive

if TYPE_CHECKING:
    from tests.support.postgres import Database


def test_a_database_of_its_own_can_be_read_by_debezium(postgres_database: Database) -> None:
    """It is empty, keeps what is written, and its log can be followed with `pgoutput`."""
    postgres_database.execute("CREATE TABLE academy (id int PRIMARY KEY, name text)")
    postgres_database.execute("INSERT INTO academy VALUES (%s, %s)", (4, "Málaga"))

    assert postgres_database.execute("SELECT id, name FROM academy") == [(4, "Málaga")]
    assert postgres_database.execute("SHOW wal_level") == [("logical",)]
    made = postgres_database.execute("SELECT slot_name FROM pg_create_logical_replication_slot('s', 'pgoutput')")
    assert made == [("s",)]
    postgres_database.execute("SELECT pg_drop_replication_slot('s')")


def test_a_killed_server_comes_back_with_its_rows_and_ends_with_its_block() -> None:
    """What was committed is there after SIGKILL, under the same address; nothing is left of it afterwards."""
    with PostgresServer() as server, server.database() as database:
        database.execute("CREATE TABLE academy (id int)")
        before = server.pid
        server.kill()
        assert not is_alive(before)
        server.start()
        assert database.execute("SELECT count(*) FROM academy") == [(0,)]
        after = server.pid
    assert not is_alive(after)
