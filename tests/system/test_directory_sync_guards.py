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
            "error: 201 tasks are not in the LMS, too many at once, and stay: look at the query and the database, "
            "then use --remove-any."
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
