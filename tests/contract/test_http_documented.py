"""The requests of the LMS's guide to missing telemetry, as they are written there, section by section.

What each status and field means in detail is tested beside this file; here the guide's own addresses, ids and bodies go
to a system that knows its academy, students and tasks.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.topics import Topics
from tests.support.http_system import HttpSystem, http_system
from tests.support.ingest import stored_with
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.support.stack import Stack

pytestmark = pytest.mark.system

ME = "/v1/assignment/me/telemetry"
LOG = "/v1/assignment/academy/learnpack/webhook"
RULES = "/v1/assignment/academy/learnpack/telemetry-webhook-ignore"
TELEMETRY = "/v1/assignment/academy/asset/javascript-arrays-intro/user/1234/telemetry"

ROW = {
    "id",
    "is_streaming",
    "event",
    "asset_id",
    "learnpack_package_id",
    "payload",
    "status",
    "status_text",
    "student",
    "created_at",
    "updated_at",
}
TASK = {
    "id",
    "title",
    "task_status",
    "associated_slug",
    "revision_status",
    "task_type",
    "assignment_telemetry",
    "created_at",
    "updated_at",
}


@pytest.fixture(scope="module")
def lms(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpSystem]:
    """A system with an open directory, where the guide's asset ids 10 and 20 are assets."""
    with http_system(stack, tmp_path_factory.mktemp("guide"), directory="open") as running:
        yield running


@pytest.fixture
def client(lms: HttpSystem) -> Iterator[httpx.Client]:
    """Staff of the academy."""
    with lms.client() as staff:
        yield staff


def answer_of(response: httpx.Response) -> tuple[int, str]:
    """Status and slug."""
    return response.status_code, response.json().get("slug", "")


def test_ingest(client: httpx.Client, lms: HttpSystem) -> None:
    """The example is answered `ok` and then in the log with what became of it."""
    body = {
        "event": "batch",
        "user_id": 1234,
        "asset_id": 987,
        "slug": "javascript-arrays-intro",
        "package_id": 555,
        "timestamp": "2026-04-15T10:30:00Z",
        "step": 14,
    }

    assert client.post(ME, json=body).text == "ok"
    (row,) = lms.settled(student="1234", event="batch", asset_id="987", learnpack_package_id="555")
    assert (row["status"], row["status_text"], row["payload"]) == ("DONE", "OK", body)


def test_list(client: httpx.Client, lms: HttpSystem) -> None:
    """The example's filters find its two webhooks, in the example's shape."""
    first = {"event": "batch", "user_id": 123, "asset_id": 10, "package_id": 1000, "slug": "ten"}
    second = {"event": "open_step", "user_id": 456, "asset_id": 20, "package_id": 2000, "slug": "00"}
    for body in (first, second):
        assert client.post(ME, json=body).text == "ok"
    lms.settled(2, learnpack_package_id="1000,2000")

    page = client.get(
        f"{LOG}?student=123,456&event=batch,open_step&asset_id=10,20"
        "&learnpack_package_id=1000,2000&status=PENDING,DONE,ERROR"
    ).json()

    assert (page["count"], page["next"], page["previous"]) == (2, None, None)
    assert [set(row) for row in page["results"]] == [ROW, ROW]
    rows = {row["event"]: row for row in page["results"]}
    assert rows["batch"]["student"] == {"id": 123, "first_name": "Ada", "last_name": "Lovelace"}
    assert rows["open_step"]["student"] == {"id": 456, "first_name": "Grace", "last_name": "Hopper"}
    assert (rows["batch"]["asset_id"], rows["open_step"]["asset_id"]) == (10, 20)


def test_delete_one(client: httpx.Client, lms: HttpSystem) -> None:
    """204 for a webhook in error, 400 for another, 404 for none."""
    for event in ("nope", "open_step"):
        client.post(ME, json={"event": event, "user_id": 456, "asset_id": 20, "package_id": 2001, "slug": "00"})
    rows = {row["status"]: row for row in lms.settled(2, learnpack_package_id="2001")}

    assert client.delete(f"{LOG}/{rows['ERROR']['id']}").status_code == 204
    assert answer_of(client.delete(f"{LOG}/{rows['DONE']['id']}")) == (400, "invalid-webhook-status")
    assert answer_of(client.delete(f"{LOG}/{rows['ERROR']['id']}")) == (404, "webhook-not-found")


def test_delete_in_bulk(client: httpx.Client, lms: HttpSystem) -> None:
    """The valid example is 204 and empties the list; the invalid ones are 400 with their slugs."""
    for step in ("00", "01"):
        client.post(ME, json={"event": "nope", "user_id": 456, "asset_id": 20, "package_id": 3000, "slug": step})
    lms.settled(2, learnpack_package_id="3000", status="ERROR")

    assert answer_of(client.delete(LOG)) == (400, "missing-status")
    assert answer_of(client.delete(f"{LOG}?status=DONE")) == (400, "invalid-status")
    assert answer_of(client.delete(f"{LOG}?status=ERROR&asset_id=x")) == (400, "invalid-filter")
    assert client.delete(f"{LOG}?status=ERROR&asset_id=20&learnpack_package_id=3000").status_code == 204
    assert client.get(f"{LOG}?learnpack_package_id=3000").json()["count"] == 0


def test_ignore_rules(client: httpx.Client, lms: HttpSystem) -> None:
    """Both shapes come back as they were put; a webhook that matches is IGNORED, with the policy's name in its text."""
    legacy: dict[str, list[Any]] = {
        "user_ids": [123],
        "learnpack_package_ids": [456],
        "package_slugs": ["my-pack"],
        "asset_ids": [789],
        "events": ["open_step"],
    }
    rules = {"rules": [{"events": ["batch"], "learnpack_package_ids": [13190]}, {"user_ids": [123]}]}
    try:
        for body in (legacy, rules):
            assert client.put(RULES, json=body).json() == client.get(RULES).json() == body

        def ignored() -> bool:
            client.post(ME, json={"event": "batch", "user_id": 456, "package_id": 13190, "slug": "s", "t": time.time()})
            rows = lms.settled(learnpack_package_id="13190")
            return any("learnpack_features.telemetry_webhook_ignore" in row["status_text"] for row in rows)

        eventually(ignored)
        assert client.get(f"{LOG}?status=IGNORED&learnpack_package_id=13190").json()["count"] > 0
    finally:
        assert client.put(RULES, json={}).json() == {}


def test_upsert_update_and_the_task(client: httpx.Client) -> None:
    """PUT before POST is 404; then 201, 200, 200 with all fields; the task shows the document, in the guide's keys."""
    created = {
        "telemetry": {"event": "batch", "step": 8, "interactions": 55},
        "engagement_score": 82.5,
        "frustration_score": 14.2,
        "metrics_algo_version": 1.2,
        "metrics": {"global": {"metrics": {"total_time_on_platform": 1800, "completion_rate": 67.5}}},
        "total_time": "00:30:00",
        "completion_rate": 67.5,
    }
    changed = {"engagement_score": 91.0, "completion_rate": 95.0, "total_time": "00:45:00"}
    fresh = TELEMETRY.replace("javascript-arrays-intro", "never-seen")

    assert answer_of(client.put(fresh, json=changed)) == (404, "telemetry-not-found")
    assert client.post(fresh, json=created).status_code == 201
    first = client.post(TELEMETRY, json=created)
    updated = client.put(TELEMETRY, json=changed)
    task = client.get("/v1/assignment/task/890699").json()

    assert first.status_code in (200, 201)
    assert (updated.status_code, updated.json()) == (200, {"id": first.json()["id"], **created, **changed})
    assert set(task) >= TASK
    assert task["assignment_telemetry"] == created["telemetry"]


def test_statistics(client: httpx.Client) -> None:
    """The action answers 200 with the asset, with or without a body, and its statistics follow."""
    client.post(TELEMETRY, json={"engagement_score": 70})
    slug = "javascript-arrays-intro"
    path = f"/v1/registry/academy/asset/{slug}"

    for content in (b"", b"{}"):
        answer = client.put(f"{path}/action/sync_telemetry_stats", content=content)
        assert (answer.status_code, answer.json()["slug"], answer.json()["academy"]) == (200, slug, 1)

    def day() -> dict[str, Any]:
        days = client.get(path).json()["telemetry_stats"]["days"]
        return next(iter(days.values()), {})

    assert set(eventually(day)) == {"frustration_avg", "engagement_avg", "completion_avg", "total_sessions"}


def test_accepted_and_not_retrievable_yet(client: httpx.Client, lms: HttpSystem) -> None:
    """The task has null before; once the log says DONE, it has the document, under a translation's slug as well."""
    assert client.get("/v1/assignment/task/890700").json()["assignment_telemetry"] is None

    body = {"user_id": 456, "slug": "javascript-arrays-intro", "package_id": 4000, "steps": [], "workout_session": []}
    assert client.post(ME, json=body).text == "ok"
    (row,) = lms.settled(learnpack_package_id="4000")

    assert (row["status"], row["status_text"]) == ("DONE", "OK")
    assert eventually(lambda: client.get("/v1/assignment/task/890700").json()["assignment_telemetry"]) == body


def test_scope_and_capabilities(lms: HttpSystem) -> None:
    """No academy, a capability that is missing, an unknown student, a filter that is no number: as the guide says."""
    with lms.client(academy=None) as nowhere, lms.client("reader") as reader, lms.client() as staff:
        assert answer_of(nowhere.get(LOG)) == (403, "missing-academy")
        assert answer_of(reader.post(TELEMETRY, json={})) == (403, "missing-capability")
        assert answer_of(reader.post(ME, json={"slug": "s"})) == (403, "missing-capability")
        assert answer_of(staff.post(TELEMETRY.replace("1234", "900"), json={})) == (404, "user-not-found")
        for name in ("student", "asset_id", "learnpack_package_id"):
            assert answer_of(staff.get(LOG, params={name: "abc"})) == (400, "invalid-filter")
        spanish = staff.get(LOG, params={"student": "abc"}, headers={"Accept-Language": "es"}).json()["detail"]
    assert "separados por comas" in spanish


def test_old_webhooks_disappear(client: httpx.Client, lms: HttpSystem) -> None:
    """After 30 days a webhook is no longer in the log, though the raw topic and its table still have it."""

    async def write(days: int) -> None:
        body = {"event": "nope", "user_id": 456, "package_id": 6000, "slug": "s", "days": days}
        headers = encode_headers(RawHeaders(academy=1))
        arrival = int((time.time() - days * 86_400) * 1000)
        async with AIOKafkaProducer(**lms.settings.kafka_options()) as producer:
            raw = Topics.of(lms.settings).raw
            await producer.send_and_wait(raw, orjson.dumps(body), b"456", headers=headers, timestamp_ms=arrival)

    for days in (31, 29):
        asyncio.run(write(days))
    rows = lms.settled(learnpack_package_id="6000")

    assert [row["payload"]["days"] for row in rows] == [29]
    eventually(lambda: len(stored_with(lms, 6000)) == 2, what="both in the table")
    assert client.get(f"{LOG}?learnpack_package_id=6000").json()["count"] == 1
