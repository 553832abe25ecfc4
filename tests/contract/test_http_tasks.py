"""Telemetry through a task (docs/api.md, "A task with its telemetry")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.http_directory import TASKS
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.http_system import HttpSystem

pytestmark = pytest.mark.system

ME = "/v1/assignment/me/telemetry"


def task(number: int) -> dict[str, Any]:
    """The task as the directory has it."""
    return next(one for one in TASKS if one["id"] == number)


def test_a_task_shows_its_telemetry_once_there_is_some(system: HttpSystem) -> None:
    """`assignment_telemetry` is null before, and the document afterwards."""
    with system.client("student", None) as client:
        before = client.get("/v1/assignment/task/890703").json()
        with system.client() as staff:
            path = "/v1/assignment/academy/asset/untouched/user/1234/telemetry"
            staff.post(path, json={"telemetry": {"event": "batch", "step": 8, "interactions": 55}})
        after = client.get("/v1/assignment/task/890703").json()

    assert before == {**task(890703), "assignment_telemetry": None}
    assert after == {**task(890703), "assignment_telemetry": {"event": "batch", "step": 8, "interactions": 55}}


def test_a_translated_task_finds_the_canonical_telemetry(system: HttpSystem) -> None:
    """State is kept under the canonical slug; a task of a translation shows it all the same."""
    document = {
        "telemetry_id": "task-1",
        "user_id": 456,
        "slug": "introduccion-a-arrays",
        "tutorial_started_at": 1734600000000,
        "last_interaction_at": 1734603600000,
        "steps": [
            {"slug": "00", "position": 0, "opened_at": 1734600000000, "completed_at": 1734600100000},
            {"slug": "01", "position": 1},
        ],
        "workout_session": [{"started_at": 1734600000000}],
        "n": "translated",
    }
    with system.client() as client:
        assert client.post(ME, json=document).text == "ok"

        def telemetry() -> bool:
            read = client.get("/v1/assignment/task/890700").json()["assignment_telemetry"]
            return read is not None and read.get("n") == "translated"

        eventually(telemetry)


def test_completing_the_tutorial_shows_in_the_task(system: HttpSystem) -> None:
    """A complete document makes the task DONE and APPROVED, though the LMS has not said so yet."""
    document = {
        "telemetry_id": "task-2",
        "user_id": 123,
        "slug": "to-complete",
        "tutorial_started_at": 1734700000000,
        "last_interaction_at": 1734703600000,
        "steps": [{"slug": "00", "position": 0, "opened_at": 1734700000000, "completed_at": 1734700100000}],
        "workout_session": [{"started_at": 1734700000000}],
    }
    with system.client() as client:
        assert client.post(ME, json=document).text == "ok"

        def done() -> bool:
            read = client.get("/v1/assignment/task/890704").json()
            return (read["task_status"], read["revision_status"]) == ("DONE", "APPROVED")

        eventually(done)


def test_only_those_who_may_see_a_task_find_it(system: HttpSystem) -> None:
    """404 `task-not-found` for all others, as for a task that does not exist."""

    def read(who: str, number: object) -> tuple[int, str]:
        with system.client(who, None) as client:
            answer = client.get(f"/v1/assignment/task/{number}")
        return answer.status_code, answer.json().get("slug", "")

    missing = (404, "task-not-found")
    assert read("student", 890699) == (200, "")
    assert read("reader", 890699) == (200, "")
    assert read("other-student", 890699) == missing
    assert read("foreign", 890699) == missing
    assert read("reader", 890702) == missing
    assert read("ingest", 890699) == missing
    for number in (1, "x", "9" * 40, "-1"):
        assert read("staff", number) == missing
