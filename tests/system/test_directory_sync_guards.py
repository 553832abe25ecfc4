"""What a sync of the directory leaves as it is (docs/directory.md, "Without Connect")."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest

from operations.directory import publish_reference
from operations.tokens import digest
from schemas.wire.topics import Topics
from tests.support.commands import command
from tests.support.directory_sync import SYNC, known, written
from tests.support.lms_directory import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.settings import Settings
    from tests.support.postgres import Database

pytestmark = pytest.mark.system


def test_no_wrong_database_empties_the_directory(lms: Database) -> None:
    """Of more than a hundred no more than a tenth goes at once, unless somebody says so."""
    lms.execute("INSERT INTO assignments_task (id, user_id) SELECT 1000 + n, 7 FROM generate_series(1, 200) AS n")
    written(command(*SYNC))
    lms.execute("DELETE FROM assignments_task")

    outcome = command(*SYNC)
    assert (outcome.code, outcome.complaint) == (
        1,
        (
            "error: too much would change at once, so this stays as it is: 201 tasks that the LMS does not have. Look "
            "at the query and the database, then use --remove-any."
        ),
    )
    assert written(command(*SYNC, "--remove-any"))["tasks"] == "0 rows, 0 written, 201 removed"


def test_a_token_that_was_revoked_here_stays_so(installed: Settings, lms: Database) -> None:
    """Whatever the LMS has, also where no pass has seen it before; what is put over one of the LMS's ends with it."""
    lms.execute("INSERT INTO authenticate_token (key, user_id) VALUES ('token-of-8', 8)")
    written(command(*SYNC))
    unseen = command("token", "create", "--user", 8).out.strip()
    lms.execute("INSERT INTO authenticate_token (key, user_id) VALUES (%s, 8)", (unseen,))
    staff = orjson.dumps({"user_id": 8, "academies": {"4": ["read_assignment"]}})
    put = [(digest("token-of-8").encode(), staff)]
    asyncio.run(publish_reference(installed, Topics.of(installed).tokens, put))
    for secret in (TOKEN, unseen):
        assert command("token", "revoke", secret).code == 0

    assert written(command(*SYNC))["tokens"] == "3 rows, 1 written, 0 removed"
    reference = known(installed)
    assert [reference.token(digest(secret)) for secret in (TOKEN, unseen)] == [None, None]
    token = reference.token(digest("token-of-8"))
    assert token is not None
    assert token.academies == {4: {"read_assignment"}}

    lms.execute("DELETE FROM authenticate_token")
    written(command(*SYNC))
    reference = known(installed)
    assert list(reference.records("tokens")) == []
    assert not reference.is_revoked(digest(TOKEN))


def test_a_database_that_is_half_restored_changes_nobody_s_academies(installed: Settings, lms: Database) -> None:
    """Nor do copies under the same ids give tasks to others; each kind is told of. `--whole` sees what has no time."""
    lms.execute("INSERT INTO auth_user (id) SELECT 1000 + n FROM generate_series(1, 200) AS n")
    lms.execute(
        "INSERT INTO authenticate_profileacademy (user_id, academy_id) SELECT id, 4 FROM auth_user WHERE id > 8"
    )
    lms.execute("INSERT INTO assignments_task (id, user_id) SELECT id, id FROM auth_user WHERE id > 8")
    written(command(*SYNC))
    lms.execute("DELETE FROM authenticate_profileacademy")
    lms.execute("UPDATE assignments_task SET user_id = 2201 - id, task_status = 'DONE' WHERE id > 1000")
    lms.execute("UPDATE assignments_task SET task_status = 'DONE' WHERE id = 70")

    for _ in range(2):
        outcome = command(*SYNC, "--whole")
        assert outcome.code == 1
        assert outcome.complaint == (
            "error: too much would change at once, so this stays as it is: 201 users that would belong to somebody "
            "else, 200 tasks that would belong to somebody else. Look at the query and the database, then use "
            "--remove-any."
        )
    reference = known(installed)
    assert len(reference.members(4)) == 201
    tasks = [reference.task(number) for number in (70, 1_001)]
    assert [(one.user_id, one.task_status) for one in tasks if one] == [(7, "DONE"), (1_001, None)]

    assert written(command(*SYNC, "--whole", "--remove-any"))["tasks"] == "201 rows, 200 written, 0 removed"
    assert not known(installed).members(4)


def test_rows_without_an_id_are_told_of(lms: Database, tmp_path: Path) -> None:
    """A query whose ids are null, negative or empty leaves those rows out, and says how many."""
    file = tmp_path / "queries.sql"
    file.write_text(
        "-- users\nSELECT nullif(id, 8) - 8 AS id, first_name FROM auth_user\n"
        "-- tokens\nSELECT CASE WHEN id = 1 THEN '' END AS id, user_id FROM authenticate_token\n"
    )
    lms.execute("INSERT INTO auth_user (id) VALUES (10)")

    outcome = command("directory", "sync", "--query-file", file)
    assert outcome.code == 1
    assert outcome.out.splitlines() == [
        "users: 1 row, 1 written, 0 removed, 2 refused",
        "tokens: 0 rows, 0 written, 0 removed, 2 refused",
    ]
    assert "users: 2 rows whose `id` is null or negative" in outcome.err
    assert "tokens: 2 rows whose `id` is null or empty" in outcome.err
