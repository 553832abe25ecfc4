"""What work makes of a task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from schemas.reference.directory import Task
from schemas.reference.task_status import changes_of_task

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def task(kind: str = "EXERCISE", status: str = "PENDING", changed: datetime | None = None) -> Task:
    """A task as the directory has it."""
    record = {"id": 1, "user_id": 2, "associated_slug": "s", "task_type": kind, "task_status": status}
    if changed is not None:
        record["updated_at"] = changed.isoformat()
    return Task.parse(b"1", orjson.dumps(record))


@pytest.mark.parametrize("kind", ["EXERCISE", "PROJECT", "QUIZ"])
def test_a_finished_tutorial_is_done_and_approved(kind: str) -> None:
    """A task of any type, delivered and reviewed when it was finished."""
    assert changes_of_task(task(kind), finished_at=NOW, updated_at=NOW) == {
        "task_status": "DONE",
        "revision_status": "APPROVED",
        "delivered_at": "2026-11-28T12:00:00Z",
        "reviewed_at": "2026-11-28T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("kind", "status", "shown"),
    [("EXERCISE", "PENDING", True), ("EXERCISE", "DONE", False), ("PROJECT", "PENDING", False)],
)
def test_new_work_opens_exercises_alone(kind: str, status: str, *, shown: bool) -> None:
    """And never undoes a done one."""
    changes = changes_of_task(task(kind, status), finished_at=None, updated_at=NOW)

    assert changes == ({"task_status": "PENDING", "revision_status": "PENDING"} if shown else {})


@pytest.mark.parametrize("finished", [True, False])
def test_the_lms_has_the_last_word(finished: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """What it changed after the work stays as it says."""
    later = task(changed=NOW + timedelta(seconds=1))
    earlier = task(changed=NOW - timedelta(seconds=1))
    finished_at = NOW if finished else None

    assert changes_of_task(later, finished_at=finished_at, updated_at=NOW) == {}
    assert changes_of_task(earlier, finished_at=finished_at, updated_at=NOW) != {}


def test_nothing_is_made_of_no_work() -> None:
    """Of a document that never was."""
    assert changes_of_task(task(), finished_at=None, updated_at=None) == {}
