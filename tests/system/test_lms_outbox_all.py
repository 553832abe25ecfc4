"""`CALL telemetry_tell_all()` of the LMS's outbox while the LMS writes: nothing old comes after what is newer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.support.lms_directory import make_outbox, make_tables
from tests.support.outbox import KINDS, Log, records
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Database

MANY = 5_000


@pytest.fixture
def lms(postgres_database: Database) -> Database:
    """An LMS with 5,000 users more, each with a task, of whom the outbox knows nothing."""
    make_tables(postgres_database)
    postgres_database.execute(
        "INSERT INTO auth_user (id, first_name) SELECT n, 'x' FROM generate_series(1000, 999 + %s) AS n", (MANY,)
    )
    postgres_database.execute(
        "INSERT INTO assignments_task (id, user_id, task_status) SELECT id, id, 'PENDING' FROM auth_user WHERE id > 999"
    )
    make_outbox(postgres_database)
    return postgres_database


@pytest.fixture
def log(lms: Database) -> Iterator[Log]:
    """What is told from the beginning of the test on."""
    with Log.followed(lms) as log:
        yield log


def tell_all(database: Database) -> None:
    """Tell all that is there, as the page says."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("CALL telemetry_tell_all()")


def now(database: Database) -> dict[str, dict[int, object]]:
    """What the LMS has."""
    return {kind: records(database, kind) for kind in KINDS}


def test_what_is_not_yet_committed_is_waited_for(lms: Database, log: Log) -> None:
    """A rename, a deletion and a task that is done, all in the air when it begins, stand behind nothing older."""
    with ThreadPoolExecutor(1) as pool, psycopg.connect(lms.dsn) as writer:
        writer.execute("UPDATE auth_user SET first_name = 'Augusta' WHERE id = 7")
        writer.execute("DELETE FROM auth_user WHERE id = 8")
        writer.execute("UPDATE assignments_task SET task_status = 'DONE' WHERE id = 70")
        telling = pool.submit(tell_all, lms)
        eventually(lambda: lms.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'ShareLock'"))
        writer.commit()
        telling.result(60)

    assert log.last() == now(lms)


def test_who_writes_meanwhile_waits_for_a_batch(lms: Database, log: Log) -> None:
    """A change of a row that is being told is committed behind it."""
    with psycopg.connect(lms.dsn) as telling, psycopg.connect(lms.dsn) as writer:
        telling.execute("SELECT telemetry_tell_next('users', 0)")
        writer.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            writer.execute("UPDATE authenticate_profileacademy SET status = 'INVITED'")
        telling.rollback()

    tell_all(lms)
    assert log.last() == now(lms)


def test_an_lms_that_goes_on_writing_is_never_refused(lms: Database, log: Log) -> None:
    """Transactions over several tables go through while it runs, and in the end the reader has what the LMS has."""
    over = threading.Event()

    def write() -> int:
        number = 0
        with psycopg.connect(lms.dsn) as writer:
            while not over.is_set() or number < 100:
                student = 1000 + number * 37 % MANY
                writer.execute("UPDATE auth_user SET last_name = %s WHERE id = %s", (str(number), student))
                writer.execute("UPDATE assignments_task SET title = %s WHERE user_id = %s", (str(number), student))
                writer.execute(
                    "INSERT INTO authenticate_profileacademy (user_id, academy_id) VALUES (%s, 4)", (student,)
                )
                writer.execute("DELETE FROM auth_user WHERE id = %s", (student + 1,))
                writer.commit()
                number += 1
        return number

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            for _ in range(3):
                tell_all(lms)
        finally:
            over.set()
        assert writing.result(60) >= 100

    assert log.last() == now(lms)
    assert lms.execute("SELECT count(*) FROM telemetry_untold") == [(0,)]


def test_a_snapshot_of_its_own_is_refused(lms: Database) -> None:
    """Where a transaction sees nothing but its beginning it would tell what is old."""
    with psycopg.connect(lms.dsn, autocommit=True) as connection:
        connection.execute("SET default_transaction_isolation = 'repeatable read'")
        with pytest.raises(psycopg.errors.RaiseException, match="read committed"):
            connection.execute("CALL telemetry_tell_all()")
