"""A replay after a student has left the academy: what its staff did while the student was there stays done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest

from operations.directory import load_reference, publish_reference
from schemas.wire.topics import Topics
from tests.support.arrived import in_every_table
from tests.support.core import MORNING
from tests.support.http_system import http_system
from tests.support.replay import contents, journal, replay
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

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
