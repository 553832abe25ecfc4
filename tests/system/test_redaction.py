"""Keys that TELEMETRY_REDACT names are in raw only, and with TELEMETRY_REDACT_RAW not even there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from operations.tokens import CAPABILITIES, NewToken, grant
from schemas.reference.tenancy import REPORT_FOR_ANYONE
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce, read_all
from tests.support.arrived import in_every_table
from tests.support.commands import command
from tests.support.core import MORNING
from tests.support.kept import texts_of, topics_of
from tests.support.plain_http import PLAIN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Child

pytestmark = pytest.mark.system

SECRET = "5ecret of mine"
KEYS = ("fullname", "email", "source_code", "$set", "code", "note")
PARAMS = {"fullname": SECRET, "email": SECRET}
ITEM = {"started_at": MORNING, "ended_at": MORNING + 5, "exit_code": 1, "source_code": SECRET, "note": [SECRET]}
STEP = {"slug": "00", "position": 0, "opened_at": MORNING, "compilations": [ITEM], "email": SECRET}
DOCUMENT = {
    "telemetry_id": "t1",
    "user_id": 7,
    "slug": "lists",
    "fullname": SECRET,
    "version": "5.0.1",
    "steps": [STEP],
    "tutorial_started_at": MORNING,
    "last_interaction_at": MORNING + 9,
    "note": {"deep": [SECRET]},
}
EVENT = {"telemetry_id": "t1", "user_id": 7, "slug": "00", "step_position": 0, "event": "compile"}
BODIES = [
    orjson.dumps(DOCUMENT),
    orjson.dumps({**EVENT, "data": {**ITEM, "started_at": MORNING + 70_000}}),
    # Nearly JSON, and a key that is written otherwise.
    rb'{"telemetry_id":"t1","user_id":7,"slug":"x","event":"nothing","ful\u006cname":"%b","x":"\ud83d"}'
    % SECRET.encode(),
    b"\xef\xbb\xbf" + orjson.dumps({**EVENT, "event": "none", "email": SECRET}),
]
STAFF = {"telemetry": {**DOCUMENT, "steps": []}, "metrics": {"note": SECRET, "x": 1}, "completion_rate": 50}
CELL = {"nb": "n", "v": "1.0", "$set": {"email": SECRET}, "code": SECRET, "note": SECRET}
# What others than the gateway write: no JSON, no object, and what has parameters that cannot be read.
DEAD = [b'{"fullname": "%b' % SECRET.encode(), b'[{"fullname": "%b"}]' % SECRET.encode(), orjson.dumps(DOCUMENT)]


def staff(place: Settings) -> httpx.Client:
    """A client of the gateway with the token of staff."""
    headers = {"Authorization": "Token t", "Academy": "1"}
    return httpx.Client(base_url=place.gateway_url, headers=headers, timeout=30, verify=PLAIN)


def send_all(place: Settings, *, raw: bool) -> None:
    """Send the secret in every place, by every way in."""
    with staff(place) as client:
        for body in BODIES:
            answer = client.post("/v1/assignment/me/telemetry", content=body, params=PARAMS)
            assert (answer.status_code, answer.text) == (200, "ok")
        nothing = client.post("/v1/assignment/me/telemetry", json={"fullname": SECRET})
        assert nothing.status_code == (400 if raw else 200)
        event = {"event": "cell", "distinct_id": "7", "properties": CELL}
        assert client.post("/batch/", json={"api_key": "t", "batch": [event]}).status_code == 200
        answer = client.post("/v1/assignment/academy/asset/lists/user/7/telemetry", json=STAFF)
        assert answer.status_code in (200, 201), answer.text
    headers = [encode_headers(RawHeaders(params=PARAMS)) for _ in DEAD]
    headers[-1] = [("params", SECRET.encode())]
    dead = [(0, b"7", body, own) for body, own in zip(DEAD, headers, strict=True)]
    asyncio.run(produce(place.kafka, Topics.of(place).raw, dead))


def shown_log(place: Settings) -> str:
    """The log of webhooks as staff read it."""
    with staff(place) as client:
        answer = client.get("/v1/assignment/academy/learnpack/webhook", params={"limit": 100})
    return answer.text if answer.json()["count"] >= len(BODIES) else ""


def records_of(place: Settings, topic: str, partitions: int) -> list[Any]:
    """The records of a topic that hold the secret."""
    records = [one for part in asyncio.run(read_all(place.kafka, topic, partitions)) for one in part]
    return [one for one in records if SECRET in str((one.key, one.headers, one.value))]


@pytest.mark.parametrize("raw", [True, False])
def test_a_named_key_is_nowhere_but_in_raw_and_not_even_there(
    installed: Settings,
    start_part: Callable[..., Child],
    clickhouse: Client,
    monkeypatch: pytest.MonkeyPatch,
    *,
    raw: bool,
) -> None:
    """No table, topic, log, metric or page has it; what facts tell of it is what they tell otherwise."""
    monkeypatch.setenv("TELEMETRY_REDACT", ",".join(KEYS))
    monkeypatch.setenv("TELEMETRY_REDACT_RAW", str(raw).lower())
    token = NewToken(1, {1: (*CAPABILITIES, REPORT_FOR_ANYONE)}, datetime.now(UTC))
    asyncio.run(grant(installed, token, "t"))
    parts = [start_part(name) for name in ("gateway", "worker", "sink")]
    send_all(installed, raw=raw)
    generation = f"{installed.database}_g1"
    letters = f"SELECT count() FROM {generation}.dead_letters"
    eventually(lambda: clickhouse.command(letters) == len(DEAD), 90, "the dead letters")
    facts = f"SELECT DISTINCT code_bytes FROM {generation}.events FINAL WHERE event = 'compile'"
    eventually(lambda: clickhouse.query(facts).result_rows == [(len(SECRET),)], 60, "the facts")
    cells = f"SELECT code_bytes FROM {generation}.events WHERE event = 'cell'"
    eventually(lambda: clickhouse.query(cells).result_rows == [(len(SECRET),)], 60, "the cell")
    held = f"SELECT count() FROM {installed.database}.raw"
    sent = len(BODIES) + 2 + len(DEAD) + (not raw)
    eventually(lambda: clickhouse.command(held) == sent, 60, "raw")
    # What is nowhere else could still be on its way.
    in_every_table(installed)

    assert SECRET not in eventually(lambda: shown_log(installed), 60, "the log")
    found = {name for name, text in texts_of(clickhouse, installed).items() if SECRET in text}
    assert found == {"raw.payload", "raw.params", "raw.headers"}
    log, left = Topics.of(installed).raw, len(DEAD) if raw else sent
    for topic, partitions in topics_of(installed).items():
        # What others write to it stays what it is.
        assert len(records_of(installed, topic, partitions)) == (left if topic == log else 0), topic
    assert SECRET not in httpx.get(f"{installed.gateway_url}/metrics", timeout=30, verify=PLAIN).text
    letter = f"SELECT min(id) FROM {generation}.dead_letters"
    shown = command("dead-letters", "show", str(clickhouse.command(letter)), "--value")
    assert (shown.code, SECRET in shown.out) == (0, False)
    # Sent again, it is read where it came from.
    assert command("dead-letters", "retry", str(clickhouse.command(letter))).code == 0
    again = left + 1
    eventually(lambda: len(records_of(installed, log, installed.partitions)) == again, 30, "the record, sent again")
    for part in parts:
        assert part.terminate() == 0
        assert SECRET not in part.output
