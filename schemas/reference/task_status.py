"""What a student's work makes of a task, until the LMS says otherwise (docs/semantics.md, "Task status")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from schemas.reference.directory import Task

__all__ = ["COMPLETED", "changes_of_task"]

# What a completion makes of a task of any type: completions carry it, and the task's page shows it.
COMPLETED: Final[Mapping[str, str]] = {"task_status": "DONE", "revision_status": "APPROVED"}
_NEW_WORK: Final[Mapping[str, str]] = {"task_status": "PENDING", "revision_status": "PENDING"}


def changes_of_task(task: Task, *, finished_at: datetime | None, updated_at: datetime | None) -> dict[str, str]:
    """The fields of a task that the work on its graded tutorial sets; none where the LMS has changed the task since.

    `finished_at` is when the tutorial was first complete, `updated_at` when its document last changed, both UTC.
    """
    if finished_at is not None:
        at = finished_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        done = {**COMPLETED, "delivered_at": at, "reviewed_at": at}
        return {} if _changed_since(task, finished_at) else done
    is_open_exercise = task.task_type == "EXERCISE" and task.task_status != COMPLETED["task_status"]
    if not is_open_exercise or updated_at is None or _changed_since(task, updated_at):
        return {}
    return dict(_NEW_WORK)


def _changed_since(task: Task, instant: datetime) -> bool:
    changed = parse_time(task.fields().get("updated_at"))
    return changed is not None and changed > instant.timestamp() * 1_000_000
