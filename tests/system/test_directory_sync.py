"""The directory follows a PostgreSQL (docs/directory.md, "Without Connect")."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from operations.directory_sync.queries import parse_queries
from operations.directory_sync.session import session
from operations.postgres import PostgresError
from operations.tokens import digest
from schemas.settings import PREFIX
from tests.support.commands import command
from tests.support.directory_sync import SYNC, known, written
from tests.support.lms_directory import TOKEN, make_tables
from tests.support.postgres import PostgresServer
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from schemas.settings import Settings
    from tests.support.postgres import Database
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


def test_the_directory_becomes_what_the_lms_has(lms: Database) -> None:
    """The first run writes all, the second nothing, the third what changed and went; what others made stays."""
    command("token", "create", "--user", 1)

    first = written(command(*SYNC))
    assert first == {
        "academies": "1 row, 1 written, 0 removed",
        "users": "2 rows, 2 written, 0 removed",
        "assets": "2 rows, 2 written, 0 removed",
        "tasks": "1 row, 1 written, 0 removed",
        "tokens": "1 row, 1 written, 0 removed",
    }
    assert {did.split(", ")[1] for did in written(command(*SYNC)).values()} == {"0 written"}

    lms.execute("UPDATE assignments_task SET task_status = 'DONE', updated_at = now() + interval '1 s' WHERE id = 70")
    lms.execute("UPDATE authenticate_profileacademy SET status = 'ACTIVE' WHERE user_id = 8")
    lms.execute("DELETE FROM registry_asset WHERE id = 319")
    lms.execute("DELETE FROM authenticate_token")
    changed = written(command(*SYNC))
    assert {kind: did for kind, did in changed.items() if not did.endswith("0 written, 0 removed")} == {
        "users": "2 rows, 1 written, 0 removed",
        "assets": "1 row, 1 written, 1 removed",
        "tasks": "1 row, 1 written, 0 removed",
        "tokens": "0 rows, 0 written, 1 removed",
    }


@pytest.mark.usefixtures("lms")
def test_records_are_what_the_queries_show(installed: Settings) -> None:
    """Fields, arrays, objects and times as the database writes them; tokens by their digest, none by its secret."""
    written(command(*SYNC))
    reference = known(installed)

    asset, user, task = reference.asset(318), reference.user(8), reference.task(70)
    assert asset is not None
    assert user is not None
    assert task is not None
    assert (asset.aliases, asset.translations, asset.academy, asset.learnpack_id) == (
        ("hello",),
        {"es": "hola-mundo"},
        4,
        77,
    )
    assert (user.last_name, user.academies) == ("50%", ())
    assert task.fields()["updated_at"].endswith("+00:00")
    assert [key.decode() for key, _ in reference.records("tokens")] == [digest(TOKEN)]
    assert reference.canonical(asset).id == 318


@pytest.mark.usefixtures("lms")
def test_what_was_published_here_stays(installed: Settings, tmp_path: Path) -> None:
    """A manifest that the LMS does not know, and a package's id where it has none, survive a change in the LMS."""
    written(command(*SYNC))
    file = tmp_path / "asset.json"
    file.write_bytes(orjson.dumps({"assets": [{"id": 319, "slug": "x", "learnpack_id": 78, "manifest": {"a": 1}}]}))
    assert command("directory", "load", file).code == 0

    written(command(*SYNC))
    asset = known(installed).asset(319)
    assert asset is not None
    assert (asset.slug, asset.learnpack_id, asset.fields()["manifest"]) == ("hola-mundo", 78, {"a": 1})


def test_rows_that_are_no_records_are_named_and_the_rest_is_written(lms: Database) -> None:
    """Exit code 1; the record that was there before stays."""
    written(command(*SYNC))
    lms.execute("UPDATE admissions_academy SET timezone = 'Madrid', updated_at = now() + interval '1 s'")
    lms.execute("UPDATE auth_user SET first_name = 'Augusta' WHERE id = 7")

    outcome = command(*SYNC)
    assert outcome.code == 1
    assert "users: 2 rows, 1 written, 0 removed" in outcome.out
    assert "academies 4: `timezone` must be an IANA name such as Europe/Madrid, not 'Madrid'" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("error: 1 row could not be taken")


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[tuple[Database, Path, Callable[[], None]]]:
    """A database of a server of its own, a file of a query that takes its time, and what stops all of that server."""
    stopped: list[int] = []
    file = tmp_path / "slow.sql"
    file.write_text("-- users\nSELECT u.id FROM auth_user AS u, pg_sleep(50)")
    with PostgresServer() as server, server.database() as database:
        make_tables(database)

        def freeze() -> None:
            asked = (
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'learnpack-telemetry' AND state = 'active'"
            )
            backend = eventually(lambda: database.execute(asked), 60, "the statement")[0][0]
            for pid in (backend, server.pid):
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)

        try:
            yield database, file, freeze
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)


@pytest.mark.usefixtures("installed")
def test_a_service_ends_although_postgresql_is_stopped(
    frozen: tuple[Database, Path, Callable[[], None]], processes: Processes
) -> None:
    """Nobody cancels its statement there, so the connection is shut here."""
    database, file, freeze = frozen
    child = processes.start(
        [sys.executable, "-m", "deploy.cli", "directory", "sync", "--query-file", str(file), "--every", "1s"],
        {f"{PREFIX}LMS_POSTGRES": database.dsn},
    )
    freeze()

    assert child.terminate(20) == 0


def test_a_statement_without_an_answer_is_given_up(frozen: tuple[Database, Path, Callable[[], None]]) -> None:
    """In one line, as when it is away."""
    database, file, freeze = frozen

    async def ask() -> None:
        async with session(database.dsn, parse_queries(file.read_text()), asyncio.Event(), answer_seconds=2) as source:
            await asyncio.gather(asyncio.to_thread(source.page, "users", None), asyncio.to_thread(freeze))

    with pytest.raises(PostgresError, match=r"^PostgreSQL has not answered a statement for 2 s: look whether it runs"):
        asyncio.run(ask())


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("-- users\nSELECT id AS user_id FROM auth_user", "the query of users has no column `id`"),
        ("-- tokens\nSELECT key AS id, key FROM authenticate_token", "the query of tokens has a column `key`"),
        ("-- users\nSELECT id::text FROM auth_user", "the query of users has an `id` that is not an integer"),
        ("-- users\nSELECT 7 AS id FROM auth_user", "the query of users has several rows of id 7"),
        ("-- users\nSELECT id FROM nothing", "queries.sql: the query of users fails: relation"),
        ("-- tasks\nSELECT id, no FROM assignments_task", "queries.sql: the query of tasks fails: column"),
        (
            "-- assets\nWITH x AS (DELETE FROM registry_asset RETURNING id) SELECT id FROM x",
            "queries.sql: the query of assets fails: WITH clause",
        ),
        (
            "-- users\nSELECT id, lo_create(0) FROM auth_user",
            "queries.sql: the query of users fails: cannot execute lo_create",
        ),
        (
            "-- users\nSELECT id, (SELECT g FROM generate_series(1, 2) AS g) AS g FROM auth_user",
            "queries.sql: the query of users fails: more than one row",
        ),
    ],
)
@pytest.mark.usefixtures("lms")
def test_a_query_that_cannot_be_used_says_why(tmp_path: Path, sql: str, complaint: str) -> None:
    """In one line, without the password."""
    file = tmp_path / "queries.sql"
    file.write_text(sql)
    outcome = command("directory", "sync", "--query-file", file)

    assert outcome.code == 1
    assert complaint in outcome.complaint
    assert "word" not in outcome.err
    assert "--postgres" not in outcome.err


@pytest.mark.usefixtures("lms")
def test_a_connection_that_is_ended_is_not_the_querys(tmp_path: Path) -> None:
    """Whatever runs on it."""
    file = tmp_path / "queries.sql"
    file.write_text("-- users\nSELECT id FROM auth_user WHERE pg_terminate_backend(pg_backend_pid())")
    outcome = command("directory", "sync", "--query-file", file)

    assert outcome.code == 1
    assert "terminating connection" in outcome.complaint
    assert "check --postgres or TELEMETRY_LMS_POSTGRES" in outcome.complaint


@pytest.mark.usefixtures("installed")
def test_a_database_that_is_away_is_one_line() -> None:
    """Without the password; and without any address the usage is wrong."""
    away = command(*SYNC, "--postgres", "postgresql://lms:p%40ssword@127.0.0.1:1/lms")
    assert away.code == 1
    assert "ssword" not in away.err
    assert "check --postgres or TELEMETRY_LMS_POSTGRES" in away.err
    assert len(away.err.strip().splitlines()) == 1

    nothing = command(*SYNC)
    assert nothing.code == 2
    assert "TELEMETRY_LMS_POSTGRES" in nothing.err


def test_who_is_killed_goes_on_where_it_was(installed: Settings, lms: Database, processes: Processes) -> None:
    """What was written before is not written again, and nothing is missing in the end."""
    lms.execute("INSERT INTO assignments_task (id, user_id) SELECT 1000 + n, 7 FROM generate_series(1, 20000) AS n")
    child = processes.start([sys.executable, "-m", "deploy.cli", *map(str, SYNC)])
    eventually(lambda: sum(1 for _ in known(installed).records("tasks")) > 500, 60, "some of the tasks")
    child.kill()

    rest = written(command(*SYNC))["tasks"]
    assert rest.startswith("20001 rows, ")
    assert int(rest.split(", ")[1].removesuffix(" written")) < 20_001
    assert {int(key) for key, _ in known(installed).records("tasks")} == {70, *range(1_001, 21_001)}
    assert written(command(*SYNC))["tasks"] == "20001 rows, 0 written, 0 removed"


def test_a_service_follows_the_lms_whoever_is_away(installed: Settings, processes: Processes) -> None:
    """What changes is written within its interval; PostgreSQL may be killed and come back; SIGTERM ends it well."""
    with PostgresServer() as server, server.database() as database:
        make_tables(database)
        child = processes.start(
            [sys.executable, "-m", "deploy.cli", *map(str, SYNC), "--every", "1s"],
            {f"{PREFIX}LMS_POSTGRES": database.dsn},
        )
        child.says("directory synced", 60)
        server.kill()
        child.says("directory sync has to wait", 60)
        server.start()
        database.execute("UPDATE auth_user SET first_name = 'Augusta' WHERE id = 7")
        child.says("directory sync goes on", 60)

        def followed() -> bool:
            user = known(installed).user(7)
            return user is not None and user.first_name == "Augusta"

        # The pass with which it went on may have been before the change.
        eventually(followed, 60, "the change")
        assert child.terminate(30) == 0
    assert "ssword" not in child.output
    assert "p@ss" not in child.output
