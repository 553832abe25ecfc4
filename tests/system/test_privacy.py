"""What a client or staff write in their own words is where what was sent is kept, and nowhere else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import orjson
import pytest

from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce, read_all
from tests.support.arrived import in_every_table
from tests.support.kept import texts_of, topics_of
from tests.support.plain_http import PLAIN
from tests.support.secrets import MARK, secret_document, secret_event, secret_notebook, secret_staff
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Child

pytestmark = pytest.mark.system

EVENTS = ("open_step", "compile", "test", "ai_interaction", "quiz_submission", f"{MARK} x@y")
PARAMS = {"name": MARK, "email": f"{MARK}@example.com", "version": MARK}


def send_all(place: Settings) -> int:
    """Send a mark in every place, by every way in; how many webhooks that are."""
    steps = secret_document()
    bare = {name: value for name, value in secret_document().items() if name != "steps"}
    address = secret_document() | {"user_id": f"{MARK}@example.com", "telemetry_id": f"{MARK} run@x", "slug": "x"}
    token = {"Authorization": "Token t"}
    with httpx.Client(base_url=place.gateway_url, headers=token, timeout=30, verify=PLAIN) as client:
        bodies = [steps, bare | {"last_interaction_at": steps["last_interaction_at"] + 1}, address]
        for body in [*bodies, *map(secret_event, EVENTS)]:
            answer = client.post("/v1/assignment/me/telemetry", json=body, params=PARAMS)
            assert (answer.status_code, answer.text) == (200, "ok")
        batch = [secret_notebook(name) for name in ("start", "cell", "test", f"{MARK} x@y")]
        assert client.post("/batch/", json={"api_key": "t", "batch": batch}).status_code == 200
    staff = RawHeaders(source="staff", academy=1, params={"note": MARK})
    no_webhook = (0, b"7", b'{"' + MARK.encode(), encode_headers(RawHeaders()))
    command = (0, b"7", orjson.dumps(secret_staff()), encode_headers(staff))
    asyncio.run(produce(place.kafka, Topics.of(place).raw, [command, no_webhook]))
    return len(bodies) + len(EVENTS) + 1 + 2


def test_a_text_is_only_where_what_was_sent_is_kept(
    installed: Settings, start_part: Callable[..., Child], clickhouse: Client
) -> None:
    """In `raw`, stored documents and dead letters, and in no other table, topic, log or metric."""
    parts = [start_part("gateway", AUTH="open"), start_part("worker"), start_part("sink")]
    sent = send_all(installed)
    webhooks = f"SELECT uniqExact(id) FROM {installed.database}_g1.webhooks"
    eventually(lambda: int(str(clickhouse.command(webhooks))) >= sent, 90, "all outcomes")
    eventually(lambda: MARK in texts_of(clickhouse, installed)["telemetry.document"], 60, "documents")
    eventually(lambda: MARK in texts_of(clickhouse, installed)["dead_letters.value"], 60, "the dead letter")
    # What is nowhere else could still be on its way.
    in_every_table(installed)

    found = {name for name, text in texts_of(clickhouse, installed).items() if MARK in text}
    assert {name for name in found if not name.startswith(("raw.", "dead_letters."))} == {"telemetry.document"}
    assert "events.properties" in texts_of(clickhouse, installed)
    topics = Topics.of(installed)
    for topic, partitions in topics_of(installed).items():
        if topic in (topics.raw, topics.dead_letters):
            continue
        records = [one for part in asyncio.run(read_all(installed.kafka, topic, partitions)) for one in part]
        held = [(one.key, one.headers, b"" if topic == topics.telemetry else one.value) for one in records]
        assert not [one for one in held if MARK in str(one)], topic
    assert MARK not in httpx.get(f"{installed.gateway_url}/metrics", timeout=30, verify=PLAIN).text
    for part in parts:
        assert part.terminate() == 0
        assert MARK not in part.output
