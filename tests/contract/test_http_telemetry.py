"""Staff set a student's telemetry (docs/api.md, "Set a student's telemetry")."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

EXAMPLE: dict[str, Any] = {
    "telemetry": {"event": "batch", "step": 3, "interactions": 21},
    "engagement_score": 82.5,
    "frustration_score": 14.2,
    "metrics_algo_version": 1.2,
    "metrics": {"global": {"metrics": {"total_time_on_platform": 1800, "completion_rate": 67.5}}},
    "total_time": "00:30:00",
    "completion_rate": 67.5,
}
NOTHING: dict[str, Any] = dict.fromkeys(EXAMPLE)

_slugs = (f"tutorial-{number}" for number in itertools.count())


@pytest.fixture
def path() -> str:
    """The address of telemetry that does not exist yet; the asset does not either."""
    return f"/v1/assignment/academy/asset/{next(_slugs)}/user/1234/telemetry"


def test_post_creates_and_then_updates(system: HttpSystem, path: str) -> None:
    """201 with an id and every field, 200 the second time with the same id."""
    with system.client() as client:
        created = client.post(path, json=EXAMPLE)
        updated = client.post(path, json={"completion_rate": 70})

    identity = created.json()["id"]
    assert (created.status_code, created.json()) == (201, {"id": identity, **EXAMPLE})
    assert (updated.status_code, updated.json()) == (200, {"id": identity, **EXAMPLE, "completion_rate": 70.0})


def test_put_needs_telemetry_that_is_there(system: HttpSystem, path: str) -> None:
    """404 `telemetry-not-found` first; after a POST, only the fields that are sent change."""
    change = {"engagement_score": 91.0, "completion_rate": 95.0, "total_time": "00:45:00"}
    with system.client() as client:
        missing = client.put(path, json=change)
        client.post(path, json=EXAMPLE)
        answer = client.put(path, json=change)

    assert (missing.status_code, missing.json()["slug"]) == (404, "telemetry-not-found")
    assert answer.status_code == 200
    assert {name: value for name, value in answer.json().items() if name != "id"} == {**EXAMPLE, **change}


def test_null_clears_and_an_empty_body_changes_nothing(system: HttpSystem, path: str) -> None:
    """Every field is optional and nullable."""
    with system.client() as client:
        empty = client.post(path)
        client.post(path, json=EXAMPLE)
        kept = client.put(path, json={})
        cleared = client.put(path, json=NOTHING)

    assert (empty.status_code, {**empty.json(), "id": None}) == (201, {"id": None, **NOTHING})
    assert {**kept.json(), "id": None} == {"id": None, **EXAMPLE}
    assert {**cleared.json(), "id": None} == {"id": None, **NOTHING}


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("1 02:03:04.5", "1 02:03:04.500000"),
        (1800, "00:30:00"),
        ("PT45M", "00:45:00"),
        ("-00:00:01", "-00:00:01"),
        (0.25, "00:00:00.250000"),
    ],
)
def test_a_duration_is_answered_as_a_clock(system: HttpSystem, path: str, sent: Any, answered: str) -> None:
    """However it is sent, it comes back as `[-][D ]HH:MM:SS[.ffffff]`."""
    with system.client() as client:
        assert client.post(path, json={"total_time": sent}).json()["total_time"] == answered


def test_bad_fields_are_named(system: HttpSystem, path: str) -> None:
    """400 with a list of texts for each field, in the caller's language."""
    bad = {"engagement_score": "high", "total_time": "long", "telemetry": [1], "metrics": 3}
    with system.client() as client:
        english = client.post(path, json=bad)
        spanish = client.post(path, json=bad, headers={"Accept-Language": "es"})

    assert english.status_code == spanish.status_code == 400
    assert set(english.json()) == set(spanish.json()) == set(bad)
    assert english.json()["engagement_score"] == ["A valid number is required."]
    assert spanish.json()["engagement_score"] == ["Se requiere un número válido."]


@pytest.mark.parametrize("content", [b"[]", b'"x"', b"{"])
def test_a_body_that_is_no_object_is_refused(system: HttpSystem, path: str, content: bytes) -> None:
    """400 with the usual shape."""
    with system.client() as client:
        answer = client.post(path, content=content)

    assert answer.status_code == 400
    assert answer.json()["slug"] in ("invalid-body", "invalid-json")


@pytest.mark.parametrize("user", ["999", "900", "x", "-1", "9" * 40])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_unknown_student_is_not_found(system: HttpSystem, method: str, user: str) -> None:
    """404 `user-not-found`, also for a member of another academy only."""
    with system.client() as client:
        answer = client.request(method, f"/v1/assignment/academy/asset/a/user/{user}/telemetry", json=EXAMPLE)

    assert (answer.status_code, answer.json()["slug"]) == (404, "user-not-found")


def test_what_staff_set_is_read_by_the_ide(system: HttpSystem, path: str) -> None:
    """The next GET sees it."""
    slug = path.split("/")[5]
    with system.client() as client:
        client.post(path, json=EXAMPLE)
        read = client.get("/v1/learnpack/telemetry", params={"user_ids": "1234", "package_slug": slug})

    assert read.json() == {"results": [EXAMPLE["telemetry"]]}


def test_staff_commands_are_not_in_the_log(system: HttpSystem, path: str, package: int) -> None:
    """The log is of LearnPack's webhooks only."""
    with system.client() as client:
        client.post(path, json=EXAMPLE)
        # A webhook of the same student, which is processed and stored after the command.
        sent = {"event": "nope", "user_id": 1234, "slug": "s", "package_id": package}
        assert client.post("/v1/assignment/me/telemetry", json=sent).text == "ok"
        system.settled(learnpack_package_id=package)
        rows = client.get("/v1/assignment/academy/learnpack/webhook", params={"limit": 1000}).json()["results"]

    assert not [row for row in rows if row["event"].startswith("telemetry.")]
