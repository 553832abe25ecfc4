"""A replay after a student has left the academy, and one after the log has lost what the oldest rows come from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from operations.directory import load_reference, publish_reference
from schemas.wire.generations import Phase
from schemas.wire.topics import Topics
from tests.chaos.kafka import admin, ends
from tests.support.arrived import in_every_table
from tests.support.core import MORNING
from tests.support.http_system import http_system
from tests.support.replay import comparison, contents, journal, replay, start_replay
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.http_system import HttpSystem
    from tests.support.stack import Stack

pytestmark = pytest.mark.system

STUDENT = 123


def test_what_staff_set_and_reported_outlives_the_student_s_leaving(stack: Stack, tmp_path: Path) -> None:
    """The gateway's decision stands in the log, so the new generation has the same rows."""
    batch = {"telemetry_id": "t", "user_id": STUDENT, "slug": "everybodys", "last_interaction_at": MORNING}
    steps = [{"slug": "00", "position": 0, "opened_at": MORNING}]
    with http_system(stack, tmp_path) as system:
        with system.client("staff") as client:
            sent = client.post("/v1/assignment/me/telemetry", json={**batch, "steps": steps})
            assert sent.text == "ok"
            eventually(lambda: system.query("SELECT count() FROM scores")[0][0], 60, "the batch")
            path = f"/v1/assignment/academy/asset/everybodys/user/{STUDENT}/telemetry"
            assert client.put(path, json={"engagement_score": 82.5}).status_code == 200
        in_every_table(system.settings)
        told = [one for (one,) in system.query("SELECT headers.2[indexOf(headers.1, 'permitted')] FROM raw")]
        assert told == ["1", "1"]
        live = contents(system.settings, 1)
        left = orjson.dumps({"id": STUDENT, "first_name": "Ada", "academies": [2]})
        topic = Topics.of(system.settings).users
        asyncio.run(publish_reference(system.settings, topic, [(b"%d" % STUDENT, left)]))
        known = asyncio.run(load_reference(system.settings)).user(STUDENT)
        assert known is not None
        assert known.academies == (2,)

        replay(system, "--yes")

        assert journal(system.settings).live == 2
        assert system.query("SELECT engagement_score, actor FROM scores") == [(82.5, f"{STUDENT}")]
        anew = contents(system.settings, 2)
        for table in ("events", "scores", "telemetry", "student_day", "claims"):
            assert anew[table] == live[table], table


async def _expire(system: HttpSystem) -> None:
    """Have Kafka remove all that the raw topic has, as retention does."""
    topic, kafka = Topics.of(system.settings).raw, system.settings.kafka
    reached = await ends(kafka, topic, system.settings.partitions)
    async with admin(kafka) as client:
        doomed = {TopicPartition(topic, number): RecordsToDelete(end) for number, end in enumerate(reached)}
        await client.delete_records(doomed)


def _post(system: HttpSystem, student: int) -> None:
    """A student's document, up to its rows."""
    steps = [{"slug": "00", "position": 0, "opened_at": MORNING}]
    batch = {"telemetry_id": f"t{student}", "user_id": student, "slug": "everybodys", "steps": steps}
    with system.client("staff") as client:
        assert client.post("/v1/assignment/me/telemetry", json=batch).text == "ok"
    scored = f"SELECT count() FROM scores WHERE user_id = {student}"
    eventually(lambda: system.query(scored)[0][0], 60, f"the document of {student}")


def test_rows_whose_webhooks_have_expired_are_lost_by_nobody_s_mistake(stack: Stack, tmp_path: Path) -> None:
    """`--yes` alone is refused before anything is computed, the question names them, and an option agrees to it."""
    with http_system(stack, tmp_path, directory="open") as system:
        _post(system, STUDENT)
        in_every_table(system.settings)
        rows = sum(len(found) for name, found in contents(system.settings, 1).items() if name != "asset_daily")
        asyncio.run(_expire(system))
        _post(system, 124)
        in_every_table(system.settings)
        told = f"{rows} rows of generation 1 come from 1 webhook that the log no longer has (events "

        refused = start_replay(system, "--yes")
        assert refused.process.wait(180) == 1
        assert f"error: {told}" in refused.output
        assert "nothing was changed. To lose them add --without-expired;" in refused.output
        assert (journal(system.settings).step, journal(system.settings).last) == (Phase.IDLE, 1)
        part = start_replay(system, "--student", f"{STUDENT}", "--yes")
        assert part.process.wait(180) == 1
        assert "come from webhooks that the log no longer has" in part.output

        # Nobody answers, and what was computed waits.
        asked = replay(system)
        assert f"{told}" in asked
        assert f"is generation 2 to be the live one, without these {rows} rows?" in asked
        assert comparison(system, 2)["expired"] == rows
        again = start_replay(system, "resume", "--yes")
        assert again.process.wait(180) == 1
        assert "`replay resume --without-expired` goes on, `replay drop` gives it up." in again.output
        assert journal(system.settings).live == 1
        replay(system, "resume", "--yes", "--without-expired")

        assert journal(system.settings).live == 2
        assert system.query("SELECT user_id FROM scores") == [(124,)]


def test_a_generation_that_the_log_has_passed_is_not_gone_back_to_by_mistake(stack: Stack, tmp_path: Path) -> None:
    """What came and expired while it stood still, it can never have: an option agrees to that, `--yes` does not."""
    with http_system(stack, tmp_path, directory="open") as system:
        _post(system, STUDENT)
        in_every_table(system.settings)
        replay(system, "--yes")
        _post(system, 124)
        in_every_table(system.settings.model_copy(update={"generation": 2}))
        asyncio.run(_expire(system))
        _post(system, 125)

        refused = start_replay(system, "rollback", "--yes")
        assert refused.process.wait(180) == 1
        assert "rows of generation 2 come from 1 webhook that the log no longer has (events " in refused.output
        assert "and generation 1 never had them: they would be lost, so nothing was changed." in refused.output
        assert (journal(system.settings).step, journal(system.settings).live) == (Phase.IDLE, 2)
        replay(system, "rollback", "--yes", "--without-expired")

        assert journal(system.settings).live == 1
        assert system.query("SELECT user_id FROM scores ORDER BY user_id") == [(STUDENT,), (125,)]
