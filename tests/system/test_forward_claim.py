"""A run of nobody, which a student claims: its completion is on the topic twice, and told to others once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from schemas.wire.topics import Topics
from tests.chaos.kafka import committed, ends, read_all
from tests.support.core import MORNING
from tests.support.http_system import HttpSystem, http_system
from tests.support.waiting import eventually
from tests.support.webhook_receiver import SECRET, receiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.stack import Stack

pytestmark = pytest.mark.system

DOCUMENT: dict[str, Any] = {
    "telemetry_id": "run-x1",
    "slug": "everybodys",
    "tutorial_started_at": MORNING,
    "last_interaction_at": MORNING + 1_000,
    "steps": [{"slug": "01", "position": 0, "opened_at": MORNING, "completed_at": MORNING + 1_000}],
    "workout_session": [],
}


def test_a_claimed_run_is_forwarded_once(stack: Stack, tmp_path: Path) -> None:
    """The anonymous run's completion is settled and not posted; that of the student who claims it is, once."""
    with http_system(stack, tmp_path, parts=("gateway", "worker"), directory="open") as system, receiver() as receiving:
        send(system, DOCUMENT)
        eventually(lambda: told(system) == ["telemetry:run-x1"], 60, "the anonymous completion")
        send(system, DOCUMENT | {"user_id": 77, "last_interaction_at": MORNING + 2_000})
        eventually(lambda: told(system) == ["77", "telemetry:run-x1"], 60, "the student's completion")

        forwarder = system.start(
            "forward", {"TELEMETRY_FORWARD_URL": receiving.url, "TELEMETRY_FORWARD_SECRET": SECRET}
        )
        eventually(lambda: is_settled(system), 60, "all that was told")
        assert forwarder.terminate() == 0

        assert [(post.data["actor"], post.data["user_id"]) for post in receiving.posts] == [("77", 77)]


def send(system: HttpSystem, document: dict[str, Any]) -> None:
    """Send a batch with an ingest key, which names no user."""
    with system.client("ingest") as client:
        assert client.post("/v1/assignment/me/telemetry", json=document).text == "ok"


def told(system: HttpSystem) -> list[str]:
    """Of whom completions are on the topic."""
    settings = system.settings
    records = asyncio.run(read_all(settings.kafka, Topics.of(settings).completions, settings.partitions))
    return sorted(orjson.loads(record.value)["actor"] for part in records for record in part)


def is_settled(system: HttpSystem) -> bool:
    """Whether the forwarder has committed everything."""
    settings, topics = system.settings, Topics.of(system.settings)
    done = asyncio.run(committed(settings.kafka, topics.forward_group("lms"), topics.completions, settings.partitions))
    there = asyncio.run(ends(settings.kafka, topics.completions, settings.partitions))
    return [done[number] for number in range(settings.partitions)] == there
