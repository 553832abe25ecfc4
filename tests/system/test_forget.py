"""`forget`: a student is gone from state, directory and tables, and nobody else is."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from deploy.reference import publish_reference
from deploy.tokens import NewToken, grant, list_tokens
from schemas.headers import RawHeaders, encode_headers
from schemas.topics import Topics
from tests.chaos.kafka import produce, read_all
from tests.support.commands import command
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Child

pytestmark = pytest.mark.system

NOW = time.time_ns() // 1_000_000
STUDENT, OTHER = "770077", "990099"
MARKS = (STUDENT, "own-run", "Noemi")


def document(student: str | None, run: str, slug: str = "lists", **more: Any) -> bytes:
    """A document with one failed compilation."""
    compilation = {"started_at": NOW - 9_000, "exit_code": 1, "stdout": "eA=="}
    step = {"slug": "00", "position": 0, "opened_at": NOW - 10_000, "compilations": [compilation]}
    named = {} if student is None else {"user_id": student}
    whole = {"telemetry_id": run, "slug": slug, "steps": [step], "workout_session": [], **named, **more}
    return orjson.dumps(whole | {"tutorial_started_at": NOW - 10_000, "last_interaction_at": NOW})


def send(place: Settings, values: list[tuple[bytes, bytes, RawHeaders]]) -> None:
    """Append webhooks as the gateway does."""
    records = [(None, key, value, encode_headers(headers)) for key, value, headers in values]
    asyncio.run(produce(place.kafka, Topics.of(place).raw, records))


def cells(clickhouse: Client, place: Settings) -> dict[str, str]:
    """Everything that the tables hold, deleted rows included, as one text by table."""
    databases = [place.database, f"{place.database}_g1"]
    tables = clickhouse.query(
        "SELECT database, name FROM system.tables WHERE database IN {names:Array(String)} AND engine LIKE '%MergeTree'",
        parameters={"names": databases},
    ).result_rows
    return {
        f"{database}.{name}": str(clickhouse.query(f"SELECT * FROM {database}.{name}").result_rows)
        for database, name in tables
    }


def latest(place: Settings, topic: str, partitions: int) -> dict[bytes, bytes | None]:
    """What compaction leaves of a topic."""
    found = asyncio.run(read_all(place.kafka, topic, partitions))
    return {record.key: record.value for part in found for record in part}


def test_a_student_is_gone_and_nobody_else(
    installed: Settings, start_part: Callable[..., Child], clickhouse: Client
) -> None:
    """No table, no state, no document and no reference names the student; the others' rows and days stay exact."""
    topics = Topics.of(installed)
    for user, name in ((STUDENT, "Noemi"), (OTHER, "Olga")):
        record = {"id": int(user), "first_name": name, "academies": [1]}
        asyncio.run(publish_reference(installed, topics.users, [(user.encode(), orjson.dumps(record))]))
        number = int(user) + 1
        task = {"id": number, "user_id": int(user), "associated_slug": "lists"}
        asyncio.run(publish_reference(installed, topics.tasks, [(b"%d" % number, orjson.dumps(task))]))
        asyncio.run(grant(installed, NewToken(int(user), {}, datetime.now(UTC)), f"secret-{user}"))
    worker = start_part("worker")
    start_part("sink")
    plain = RawHeaders(academy=1)
    own, other = STUDENT.encode(), OTHER.encode()
    send(
        installed,
        [
            (b"telemetry:own-run", document(None, "own-run"), plain),
            (own, document(STUDENT, "own-run", fullname="Noemi"), plain),
            (own, document(None, "third", "loops"), RawHeaders(academy=1, principal=STUDENT)),
            (own, b'{"event": "compile", "user_id": %b, "telemetry_id": "lost", "slug": "1", "data": {}}' % own, plain),
            (own, b'{"user_id": %b, "broken' % own, plain),
            (other, document(OTHER, "other-run"), RawHeaders(academy=1, principal=STUDENT)),
            (other, document(OTHER, "other-run"), plain),
        ],
    )
    webhooks = f"SELECT count() FROM {installed.database}.webhooks"
    eventually(lambda: clickhouse.command(webhooks) == 7, 60, "all outcomes")
    eventually(lambda: any("own-run" in text for text in cells(clickhouse, installed).values()), 60, "rows")
    days = f"SELECT * EXCEPT computed_at FROM {installed.database}.asset_daily WHERE asset_slug = 'lists'"
    eventually(lambda: clickhouse.query(days).result_rows, 60, "days")

    outcome = command("forget", "--student", STUDENT, "--yes", "--json")

    assert outcome.code == 0, outcome.err
    report = orjson.loads(outcome.out)
    assert report["actors"] == [STUDENT, "telemetry:own-run", "telemetry:third"]
    assert report["rows"][f"{installed.database}.raw"] == 9
    assert report["rows"][f"{installed.database}_g1.events"] > 0
    assert topics.raw in report["until"]
    for table, text in cells(clickhouse, installed).items():
        assert not [mark for mark in MARKS if mark in text], table
    assert OTHER in cells(clickhouse, installed)[f"{installed.database}_g1.scores"]
    for topic, partitions in ((topics.changelog, 2), (topics.telemetry, 2), (topics.users, 1), (topics.tasks, 1)):
        left = {key: value for key, value in latest(installed, topic, partitions).items() if value is not None}
        assert not [key for key, value in left.items() if any(mark.encode() in key + value for mark in MARKS)], topic
        assert any(OTHER.encode() in key + (value or b"") for key, value in left.items()), topic
    assert [token.user_id for token in asyncio.run(list_tokens(installed))] == [int(OTHER)]
    (row,) = clickhouse.query(f"SELECT total_sessions, active_students, compiles FROM ({days})").result_rows
    assert row == (1, 1, 1)

    # Whoever comes back begins anew, in the same worker and after a restart of it.
    send(installed, [(own, document(STUDENT, "new-run"), plain)])
    scores = f"SELECT count() FROM {installed.database}.scores WHERE actor = '{STUDENT}'"
    eventually(lambda: clickhouse.command(scores) == 1, 60, "a new beginning")
    assert worker.terminate() == 0
