"""Sending events as PostHog's clients do."""

from __future__ import annotations

import gzip
import itertools
import json
import uuid
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http_directory import secret
from tests.support.ingest import refused
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

ROUTES = ("/batch/", "/capture/", "/e/", "/i/v0/e/")
PATHS = (*ROUTES, *(route.rstrip("/") for route in ROUTES))
LIMIT = 5 << 20

_students = itertools.count(1)


@pytest.fixture
def student() -> str:
    """A distinct id that no other test uses."""
    return f"STUDENT-{next(_students)}-{uuid.uuid4().hex[:6]}"


def event(student: str, name: str = "start", **properties: Any) -> dict[str, Any]:
    """An event of a student in a notebook."""
    return {
        "event": name,
        "distinct_id": student,
        "uuid": str(uuid.uuid4()),
        "timestamp": "2026-04-15T10:30:00Z",
        "properties": {"nb": "d1", "sess": "abc", "$lib": "posthog-python", **properties},
    }


def batch(*events: dict[str, Any], key: str = "ingest") -> dict[str, Any]:
    """A request with these events."""
    return {"api_key": secret(key), "batch": list(events), "sent_at": "2026-04-15T10:30:01Z"}


def records(system: HttpSystem, student: str, count: int = 1) -> list[tuple[Any, ...]]:
    """Payload, source, academy and parameters of the raw records that name a student, once there are that many."""

    def found() -> list[tuple[Any, ...]]:
        rows = system.query(
            "SELECT payload, source, academy_id, params FROM raw WHERE position(payload, {s:String}) > 0 ORDER BY id",
            s=student,
        )
        return [tuple(row) for row in rows] if len(rows) >= count else []

    return eventually(found, 30, f"{count} raw records of {student}")


@pytest.mark.parametrize("path", PATHS)
def test_every_route_takes_single_events_and_batches(system: HttpSystem, path: str, student: str) -> None:
    """Both shapes are answered as PostHog does, with and without the slash, and are in the log with their source."""
    with system.client(None, None) as client:
        for body in ({"api_key": secret("ingest"), **event(student)}, batch(event(student), event(student, "cell"))):
            answer = client.post(path, json=body)

            assert (answer.status_code, answer.json()) == (200, {"status": 1})

    rows = records(system, student, 2)
    assert [(source, academy, params) for _, source, academy, params in rows] == [("posthog", 1, "{}")] * 2
    assert secret("ingest") not in str(rows)


@pytest.mark.parametrize("name", ["plain", "gzip", "gzip-js", "base64 form", "base64"])
def test_every_body_of_the_clients_is_read(system: HttpSystem, name: str, student: str) -> None:
    """What Python's clients and posthog-js send arrives as the same events."""
    sent = [event(student), event(student, "cell", cell_id="one")]
    text = json.dumps({"batch": sent, "token": secret("ingest")}).encode()
    content, headers, params = {
        "plain": (text, {"Content-Type": "application/json"}, {}),
        "gzip": (gzip.compress(text), {"Content-Encoding": "gzip", "Content-Type": "application/json"}, {}),
        "gzip-js": (gzip.compress(text), {"Content-Type": "text/plain"}, {"compression": "gzip-js", "_": "17"}),
        "base64 form": (
            b"data=" + b64encode(text).replace(b"+", b"%2B").replace(b"=", b"%3D"),
            {"Content-Type": "application/x-www-form-urlencoded"},
            {"compression": "base64"},
        ),
        "base64": (b64encode(text), {"Content-Type": "text/plain"}, {"compression": "base64"}),
    }[name]
    with system.client(None, None) as client:
        answer = client.post("/e/", content=content, headers=headers, params=params)

    assert (answer.status_code, answer.json()) == (200, {"status": 1})
    ((payload, _, _, recorded),) = records(system, student)
    assert json.loads(payload) == {"batch": sent}
    assert json.loads(recorded) == params


def test_each_student_of_a_batch_is_a_record(system: HttpSystem, student: str) -> None:
    """Students do not share a record, for what is recorded of each is in an order of its own."""
    first, second = f"{student}-A", f"{student}-B"
    events = [event(first), event(second), event(first, "cell")]
    with system.client(None, None) as client:
        assert client.post("/batch/", json=batch(*events)).status_code == 200

    rows = [json.loads(payload)["batch"] for payload, *_ in records(system, student, 2)]
    assert sorted(rows, key=len) == [[events[1]], [events[0], events[2]]]


@pytest.mark.parametrize("who", ["ingest", "student", "staff"])
def test_ingest_keys_and_personal_tokens_may_send(system: HttpSystem, who: str, student: str) -> None:
    """In the body, in the header and in the query."""
    with system.client(None, None) as client:
        token = secret(who)
        answers = [
            client.post("/batch/", json=batch(event(student), key=who)),
            client.post("/e/", json=event(student), headers={"Authorization": f"Bearer {token}"}),
            client.post("/e/", json=event(student), params={"token": token}),
            client.post("/e/", json=event(student), params={"api_key": token}),
        ]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert token not in str(records(system, student, 4))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"batch": [{"event": "a", "distinct_id": "j"}]}', (401, "authentication-required")),
        (b'{"batch": [{"event": "a"}], "api_key": ""}', (401, "authentication-required")),
        (b'{"batch": [{"event": "a"}], "api_key": 17}', (401, "authentication-required")),
        (b'{"batch": [{"event": "a"}], "api_key": "phc_unknown"}', (401, "invalid-token")),
        (json.dumps(batch({"event": "a"}, key="expired")).encode(), (401, "invalid-token")),
        (b'[{"event": "a", "token": "x"}, {"event": "a", "token": "y"}]', (400, "several-keys")),
        (b"{", (400, "invalid-json")),
        (b"", (400, "invalid-json")),
        (b"hello", (400, "invalid-json")),
        (b"data=%%%", (400, "invalid-json")),
        (b"{}", (400, "invalid-capture")),
        (b"[]", (400, "invalid-capture")),
        (b'{"batch": []}', (400, "invalid-capture")),
        (b'{"event":' + b"[" * 70 + b"]" * 70 + b"}", (400, "json-too-deep")),
        (gzip.compress(b"{}")[:-4], (400, "invalid-gzip")),
        (b" " * LIMIT + b"{}", (413, "body-too-large")),
        (gzip.compress(b" " * (LIMIT + 1)), (413, "body-too-large")),
        (b64encode(gzip.compress(b"\0" * (100 << 20))), (413, "body-too-large")),
    ],
)
def test_what_is_refused(system: HttpSystem, body: bytes, expected: tuple[int, str]) -> None:
    """Each failure has its status and a text under `detail`."""
    with system.client(None, None) as client:
        assert refused(client.post("/batch/", content=body)) == expected


def test_an_ingest_key_of_another_academy_is_refused(system: HttpSystem) -> None:
    """Where a request names an academy, the key must be allowed there."""
    with system.client(None, academy=2) as client:
        assert refused(client.post("/batch/", json=batch({"event": "a"}))) == (403, "missing-capability")


def test_an_unknown_encoding_is_refused(system: HttpSystem) -> None:
    """Gzip is what all clients can."""
    with system.client(None, None) as client:
        answer = client.post("/batch/", content=b"x", headers={"Content-Encoding": "br"})

    assert refused(answer) == (415, "unsupported-content-encoding")


def test_a_token_that_sends_too_much_is_told_when_to_go_on(system: HttpSystem, student: str) -> None:
    """429 with Retry-After, which PostHog's clients wait for; the rate is shared with the other routes."""
    with system.another_gateway(TELEMETRY_RATE_LIMIT="3") as slow, slow.client(None, None) as client:
        answers = [client.post(path, json=batch(event(student))) for path in (*ROUTES[:3], "/e/")]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert refused(answers[-1]) == (429, "too-many-requests")
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_a_browser_may_send(system: HttpSystem, student: str) -> None:
    """Pages of other origins get the header that lets them read the answer."""
    with system.client(None, None, Origin="https://colab.example") as client:
        preflight = client.options("/e/", headers={"Access-Control-Request-Method": "POST"})
        answer = client.post("/e/", json={"token": secret("ingest"), **event(student)})

    assert preflight.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"


def test_other_methods_are_refused(system: HttpSystem) -> None:
    """Only POST is taken."""
    with system.client(None, None) as client:
        for path in PATHS:
            answer = client.get(path)

            assert refused(answer) == (405, "method-not-allowed")
            assert answer.headers["allow"] == "POST"


def test_the_routes_are_counted(system: HttpSystem, student: str) -> None:
    """Prometheus sees each route under one name, whatever its spelling."""
    with system.client(None, None) as client:
        client.post("/capture", json=batch(event(student)))
        counted = 'telemetry_gateway_requests_total{route="/capture/",status="200"}'
        eventually(lambda: counted in client.get("/metrics").text)
