"""A student's task with its telemetry, and what completion made of it (docs/semantics.md, "Task status")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from gateway.api.callers import AppServices, Caller, require_sight
from gateway.api.refusals import OF_ANY_CALLER, refusals
from gateway.api.services import Services, large_answer
from gateway.errors import ApiError
from gateway.reading.documents import find_documents, read_texts
from schemas.coercion import digits_as_id
from schemas.reference.task_status import changes_of_task

if TYPE_CHECKING:
    from gateway.reading.documents import StoredDocument
    from schemas.reference.directory import Task

__all__ = ["router"]

router = APIRouter(prefix="/v1/assignment", tags=["tasks"])

_EXAMPLE: Final = {
    "id": 890699,
    "title": "Arrays Practice",
    "task_status": "PENDING",
    "associated_slug": "javascript-arrays-intro",
    "revision_status": "PENDING",
    "task_type": "EXERCISE",
    "assignment_telemetry": {"event": "batch", "step": 8, "interactions": 55},
    "created_at": "2026-04-15T09:20:00Z",
    "updated_at": "2026-04-15T10:35:00Z",
}


class TaskWithTelemetry(BaseModel):
    """The task as the directory has it, with the student's document of its tutorial."""

    model_config = ConfigDict(extra="allow")

    id: int
    title: str | None = None
    task_status: str | None = None
    associated_slug: str | None = None
    revision_status: str | None = None
    task_type: str | None = None
    assignment_telemetry: dict[str, Any] | None


@router.get(
    "/task/{task_id}",
    summary="A task with its telemetry",
    response_model=TaskWithTelemetry,
    responses={
        200: {"content": {"application/json": {"example": _EXAMPLE}}},
        **refusals(*OF_ANY_CALLER, "task-not-found", "data-unavailable"),
    },
)
async def read_task(services: AppServices, token: Caller, task_id: str) -> Response:
    """The own task, or with read_assignment a student's; the document is null where there is none yet."""
    task = _task(services, task_id)
    if task is None:
        raise ApiError("task-not-found", task=task_id)
    try:
        require_sight(services, token, task.user_id)
    except ApiError:
        # Whether there is such a task is not for everybody to know.
        raise ApiError("task-not-found", task=task_id) from None
    of_slug, canonical = await _telemetry(services, task)
    shown = [known for known in (of_slug or canonical,) if known is not None]
    async with services.clickhouse.room(sum(known.bytes for known in shown)):
        texts = await read_texts(services.clickhouse, shown)
        return await large_answer(
            {
                **task.fields(),
                **_completion(services, task, canonical or of_slug),
                "assignment_telemetry": texts[0] if texts else None,
            }
        )


def _task(services: Services, task_id: str) -> Task | None:
    number = digits_as_id(task_id)
    return None if number is None else services.reference.task(number)


async def _telemetry(services: Services, task: Task) -> tuple[StoredDocument | None, StoredDocument | None]:
    """What there is under the task's own slug, and under the canonical one of its translations."""
    slug = task.associated_slug
    if not slug:
        return None, None
    asset = services.reference.asset_by_slug(slug)
    canonical = slug if asset is None else services.reference.canonical(asset).slug
    documents = await find_documents(services.clickhouse, [str(task.user_id)], sorted({slug, canonical}))
    by_slug = {document.asset_slug: document for document in documents}
    return by_slug.get(slug), by_slug.get(canonical)


def _completion(services: Services, task: Task, telemetry: StoredDocument | None) -> dict[str, str]:
    """The fields that a completion, or new work on what is not complete, sets until the LMS says otherwise."""
    asset = None if not task.associated_slug else services.reference.asset_by_slug(task.associated_slug)
    graded = not services.strict or (asset is not None and services.reference.canonical(asset).graded)
    if telemetry is None or telemetry.completion_rate is None or not graded:
        return {}
    return changes_of_task(task, finished_at=telemetry.finished_at, updated_at=telemetry.updated_at)
