"""`forget`: a student is gone from state, directory and tables, and nobody else is."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka.admin import NewTopic

from broker import clients
from broker.incremental_configs import set_topic_configs
from operations.directory import publish_reference
from operations.tokens import NewToken, grant, list_tokens
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.rows import ASSET_DAILY, GENERATION_TABLES
from schemas.wire.topics import Topics
from tests.chaos.kafka import admin, produce, read_all
from tests.support.commands import command
from tests.support.kept import topics_of
from tests.support.sink import SinkBench
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Child, Processes

pytestmark = pytest.mark.system

PERSONAL = [table for table in GENERATION_TABLES if table is not ASSET_DAILY]
NOW = time.time_ns() // 1_000_000
STUDENT, OTHER = "770077", "990099"
NAMES = ("Noemi of Porto", "noemi of porto", "NOEMI")
MARKS = (STUDENT, "own-run", "noemi")


async def make_topic(kafka: str, name: str) -> None:
    """Make a topic of one partition."""
    async with admin(kafka) as client:
        await client.create_topics([NewTopic(name, 1, 1)])


def document(student: str | None, run: str, slug: str = "lists", **more: Any) -> bytes:
    """A document with one failed compilation."""
    compilation = {"started_at": NOW - 9_000, "exit_code": 1, "stdout": "eA=="}
    step = {"slug": "00", "position": 0, "opened_at": NOW - 10_000, "compilations": [compilation]}
    named = {} if student is None else {"user_id": student}
    whole = {"telemetry_id": run, "slug": slug, "steps": [step], "workout_session": [], **named, **more}
    return orjson.dumps(whole | {"tutorial_started_at": NOW - 10_000, "last_interaction_at": NOW})


def cell(name: str, notebook: str = "numbers", **event: Any) -> tuple[bytes, bytes, RawHeaders]:
    """A webhook of a notebook, whose student has a name."""
    properties = {"nb": notebook, "cell_id": "c1", "sess": "s"}
    body = {"event": "cell", "distinct_id": name, "properties": properties, **event}
    return name.encode(), orjson.dumps(body), RawHeaders(source="posthog", academy=1)


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


def marked(text: object) -> list[str]:
    """The marks of the student in a text."""
    return [mark for mark in MARKS if mark in str(text).casefold()]


def latest(place: Settings, topic: str, partitions: int) -> dict[bytes, bytes | None]:
    """What compaction leaves of a topic."""
    found = asyncio.run(read_all(place.kafka, topic, partitions))
    return {record.key: record.value for part in found for record in part}


async def keep(place: Settings, days: dict[str, int | None]) -> None:
    """Let topics keep their records for so many days, None for ever, as somebody's tools do."""
    async with clients.opened(clients.admin(place.kafka_options())) as client:
        for topic, number in days.items():
            retention = "-1" if number is None else str(number * 86_400_000)
            await set_topic_configs(client, topic, {"retention.ms": retention})


def all_stored(place: Settings, processes: Processes, directory: Path) -> None:
    """Wait until all that the worker has written is in the tables: what an outcome comes with goes its own ways."""
    asyncio.run(SinkBench(place, processes, directory).all_read(90))


def actors_of(clickhouse: Client, place: Settings) -> list[str]:
    """Whoever has scores."""
    return [actor for (actor,) in clickhouse.query(f"SELECT actor FROM {place.database}.scores").result_rows]


def test_a_student_is_gone_and_nobody_else(
    installed: Settings, start_part: Callable[..., Child], clickhouse: Client, processes: Processes, tmp_path: Path
) -> None:
    """No table, no state, no document and no reference names the student; the others' rows and days stay exact."""
    topics = Topics.of(installed)
    for user, name in ((STUDENT, "Noemi"), (OTHER, "Olga")):
        names = [f" {name} of Porto", name.upper()]
        record = {"id": int(user), "first_name": name, "academies": [1], "notebook_names": names}
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
            cell("Noemi of Porto"),
            cell("noemi of porto", ""),
            # Nobody can read it, so no table but the log has the name.
            cell("NOEMI", event=None),
            cell("Olga of Porto"),
            (other, document(OTHER, "other-run"), RawHeaders(academy=1, principal=STUDENT)),
            (other, document(OTHER, "other-run"), plain),
        ],
    )
    webhooks = f"SELECT count() FROM {installed.database}.webhooks"
    eventually(lambda: clickhouse.command(webhooks) == 11, 60, "all outcomes")
    all_stored(installed, processes, tmp_path)
    days = f"SELECT * EXCEPT computed_at FROM {installed.database}.asset_daily WHERE asset_slug = 'lists'"
    eventually(lambda: clickhouse.query(days).result_rows, 60, "days")

    copy = f"{topics.prefix}webhooks.raw.2"
    asyncio.run(make_topic(installed.kafka, copy))

    asyncio.run(keep(installed, {topics.raw: 4000, topics.scores: None}))

    outcome = command("forget", "--student", STUDENT, "--yes", "--json")

    assert outcome.code == 0, outcome.err
    report = orjson.loads(outcome.out)
    assert "Kafka's tools" in report["until"][copy]
    # The topics' own days, whatever the settings are.
    kept_days = (date.fromisoformat(report["until"][topics.raw]) - datetime.now(UTC).date()).days
    assert kept_days in {3999, 4000}
    assert "keeps everything" in report["until"][topics.scores]
    assert report["actors"] == [STUDENT, *NAMES, "telemetry:lost", "telemetry:own-run", "telemetry:third"]
    assert report["rows"][f"{installed.database}.raw"] == 6 + 3
    # What was shown before is what was deleted, without the commands that did it.
    assert f": {sum(report['rows'].values())} rows in ClickHouse, 3 records in the directory" in outcome.err
    assert report["rows"][f"{installed.database}_g1.events"] > 0
    assert topics.raw in report["until"]
    assert {name.rpartition(".")[2] for name in report["rows"]} == {"raw", *(table.name for table in PERSONAL)}
    for table, text in cells(clickhouse, installed).items():
        assert not marked(text), table
    assert {OTHER, "Olga of Porto"} <= set(actors_of(clickhouse, installed))
    for topic, partitions in topics_of(installed).items():
        found = latest(installed, topic, partitions).items()
        left = [(key, value) for key, value in found if value is not None and marked((key, value))]
        # What is never rewritten is told of, with the day of its end.
        assert not left or topic in report["until"], topic
    for topic in (topics.changelog, topics.telemetry, topics.users, topics.tasks):
        partitions = topics_of(installed)[topic]
        values = [(key, value) for key, value in latest(installed, topic, partitions).items() if value is not None]
        assert any(OTHER in str(one) for one in values), topic
    assert [token.user_id for token in asyncio.run(list_tokens(installed))] == [int(OTHER)]
    (row,) = clickhouse.query(f"SELECT total_sessions, active_students, compiles FROM ({days})").result_rows
    assert row == (1, 1, 1)

    # Whoever comes back begins anew, in the same worker and after a restart of it.
    send(installed, [(own, document(STUDENT, "new-run"), plain)])
    scores = f"SELECT count() FROM {installed.database}.scores WHERE actor = '{STUDENT}'"
    eventually(lambda: clickhouse.command(scores) == 1, 60, "a new beginning")
    assert worker.terminate() == 0


def test_who_is_kept_under_a_pseudonym_is_forgotten_by_name(
    installed: Settings, start_part: Callable[..., Child], clickhouse: Client, processes: Processes, tmp_path: Path
) -> None:
    """A user id that is an address, and a notebook's name that is hidden: neither is in a table beside what came."""
    start_part("worker", NOTEBOOK_NAMES="pseudonym")
    start_part("sink")
    address = "noemi@example.com"
    plain = RawHeaders(academy=1)
    send(installed, [(address.encode(), document(address, "own-run"), plain), cell("Noemi"), cell("Olga")])
    eventually(lambda: len(actors_of(clickhouse, installed)) == 3, 60, "scores")
    all_stored(installed, processes, tmp_path)
    assert all(actor.startswith("pseudonym:") for actor in actors_of(clickhouse, installed))
    derived = {
        name: text for name, text in cells(clickhouse, installed).items() if not name.endswith((".raw", ".telemetry"))
    }
    assert not [name for name, text in derived.items() if "noemi" in text.casefold()]

    for name in (address, "Noemi"):
        outcome = command("forget", "--student", name, "--yes")
        assert outcome.code == 0, outcome.err
    assert len(actors_of(clickhouse, installed)) == 1
    assert not [name for name, text in cells(clickhouse, installed).items() if "noemi" in text.casefold()]
    topics = Topics.of(installed)
    state = latest(installed, topics.changelog, topics_of(installed)[topics.changelog])
    assert {key[:1] for key, value in state.items() if value is not None and b"pseudonym:" in key} == {b"s", b"u"}
    assert len([key for key, value in state.items() if value is not None and key[:1] == b"s"]) == 1


def test_a_name_that_no_user_has_is_forgotten_by_itself(
    installed: Settings, start_part: Callable[..., Child], clickhouse: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named directly, a notebook's student is gone however the first try ended, and so is who is called otherwise."""
    start_part("worker")
    start_part("sink")
    send(installed, [cell("Noemi"), cell("noemi", "letters"), cell("Noemi B"), cell("Olga")])
    eventually(lambda: len(actors_of(clickhouse, installed)) == 4, 60, "scores")

    def no_refresh(*_: object) -> None:
        message = "the machine went down"
        raise OSError(message)

    with monkeypatch.context() as patched:
        patched.setattr("operations.forgetting.forget.refresh_all", no_refresh)
        assert command("forget", "--student", "Noemi", "--yes").code == 1
    # Its rows are gone, so nothing is asked; the days are only made anew with --yes.
    again = command("forget", "--student", "Noemi")
    assert (again.code, again.out) == (0, "")
    assert "There is nothing of Noemi" in again.err
    assert command("forget", "--student", "Olga", stdin=b"n\n").code == 1
    outcome = command("forget", "--student", "Noemi", "--yes")

    assert outcome.code == 0, outcome.err
    assert sorted(actors_of(clickhouse, installed)) == ["Noemi B", "Olga"]
    tables = cells(clickhouse, installed)
    assert not [name for name, text in tables.items() if "noemi" in text.casefold().replace("noemi b", "")]
    days = f"SELECT DISTINCT asset_slug FROM {installed.database}.asset_daily"
    assert clickhouse.query(days).result_rows == [("numbers",)]
