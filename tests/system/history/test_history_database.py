"""Rows out of a database that goes on meanwhile: none is lost, none comes twice, each in its order."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from psycopg.types.json import Jsonb

from operations.history.database import LmsDatabase
from operations.history.sources import ALWAYS, BEGIN
from operations.postgres import reading
from tests.support.lms import DAY_MS, Lms, Stored

if TYPE_CHECKING:
    from tests.support.postgres import Database

pytestmark = pytest.mark.system

FIRST = (BEGIN.telemetry_at, BEGIN.telemetry)
WEBHOOK = """
INSERT INTO assignments_learnpackwebhook (is_streaming, payload, status, created_at, updated_at)
VALUES (false, %s, 'DONE', %s, now())
"""


def test_a_row_that_is_stored_again_meanwhile_comes_by_its_new_time(lms: Database) -> None:
    """It was among the keys that were read already; all others are given, and the order is that of time."""
    begin = int(time.time() * 1000) - 10 * DAY_MS
    Lms.add_telemetry(lms, [Stored(number, "a", {"n": 1}, begin + number, {}) for number in range(1, 1_201)])
    with reading(lms.dsn) as connection:
        rows = LmsDatabase(connection).telemetry(ALWAYS, FIRST)
        read = [next(rows)]
        lms.execute(
            "UPDATE assignments_assignmenttelemetry SET updated_at = now() - interval '2 minutes' WHERE user_id = 700"
        )
        lms.execute("UPDATE assignments_assignmenttelemetry SET updated_at = now() WHERE user_id = 701")
        read.extend(rows)
    # What was stored within the last minute is left to the next run.
    assert [row.user for row in read] == [number for number in range(1, 1_201) if number not in {700, 701}] + [700]
    assert [row.at for row in read] == sorted(row.at for row in read)


def test_nothing_goes_past_a_webhook_that_still_waits(lms: Database) -> None:
    """Clocks of several processes differ: a higher id may be older than a minute before a lower one is."""
    now = datetime.now(UTC)
    ahead = datetime(2099, 1, 1, tzinfo=UTC)
    old = [now - timedelta(seconds=seconds) for seconds in (100, 75, 70, 20, 75)]
    for at in (old[0], ahead, *old[1:]):
        lms.execute(WEBHOOK, (Jsonb({}), at))
    # Of documents those wait that came behind a webhook which does.
    stored = [int(old[0].timestamp() * 1000), int(old[2].timestamp() * 1000)]
    Lms.add_telemetry(lms, [Stored(7, "a", {"n": 1}, at, {}) for at in stored])
    with reading(lms.dsn) as connection:
        source = LmsDatabase(connection)
        assert [row.id for row in source.webhooks(ALWAYS, -1)] == [1, 3, 4]
        assert [row.id for row in source.telemetry(ALWAYS, FIRST)] == [1]
        found = source.survey(ALWAYS, BEGIN)
        assert (found.webhooks, found.telemetry, found.untimed, found.waiting) == (3, 1, 1, 3)


def test_rows_without_a_usable_time_are_counted(lms: Database) -> None:
    """One of 1969 does not refuse all others."""
    lms.execute("ALTER TABLE assignments_learnpackwebhook ALTER created_at DROP NOT NULL")
    lms.execute("ALTER TABLE assignments_assignmenttelemetry ALTER updated_at DROP NOT NULL")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    Lms.add_telemetry(lms, [Stored(7, "a", {"n": 1}, int(yesterday.timestamp() * 1000), {})] * 2)
    lms.execute(WEBHOOK, (Jsonb({}), yesterday))
    for at in ("infinity", "-infinity", None, "0044-03-15 00:00:00+00 BC", "1969-12-31 00:00:00+00"):
        lms.execute(WEBHOOK, (Jsonb({}), at))
        lms.execute("UPDATE assignments_assignmenttelemetry SET updated_at = %s WHERE id = 2", (at,))
        with reading(lms.dsn) as connection:
            source = LmsDatabase(connection)
            assert [row.id for row in source.telemetry(ALWAYS, FIRST)] == [1]
    with reading(lms.dsn) as connection:
        source = LmsDatabase(connection)
        assert [row.id for row in source.webhooks(ALWAYS, -1)] == [1]
        found = source.survey(ALWAYS, BEGIN)
        assert (found.webhooks, found.telemetry, found.untimed) == (1, 1, 6)
