"""A row of the webhook log as staff see it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from gateway.api.services import Services
from gateway.reading.shown import iso_instant, shown_student

__all__ = ["EXAMPLE", "Log", "LogRow", "shown_row"]


class LogStudent(BaseModel):
    """Who a webhook is about."""

    id: int
    first_name: str | None
    last_name: str | None


class LogRow(BaseModel):
    """A webhook and what became of it."""

    id: int
    is_streaming: bool
    event: str
    asset_id: int | None
    learnpack_package_id: int | None
    payload: Any
    status: str
    status_text: str
    student: LogStudent | None
    created_at: str
    updated_at: str


class Log(BaseModel):
    """A page of the log."""

    count: int
    next: str | None
    previous: str | None
    results: list[LogRow]


EXAMPLE: Final[dict[str, Any]] = {
    "count": 1,
    "next": None,
    "previous": None,
    "results": [
        {
            "id": 9012,
            "is_streaming": True,
            "event": "open_step",
            "asset_id": 20,
            "learnpack_package_id": 2000,
            "payload": {"event": "open_step", "user_id": 456, "asset_id": 20, "package_id": 2000},
            "status": "ERROR",
            "status_text": "Impossible to retrive learnpack exercise slug",
            "student": {"id": 456, "first_name": "Grace", "last_name": "Hopper"},
            "created_at": "2026-04-15T10:35:00.000Z",
            "updated_at": "2026-04-15T10:35:01.000Z",
        }
    ],
}


def shown_row(row: dict[str, Any], services: Services, academy: int) -> dict[str, Any]:
    """A row of gateway.reading.webhook_log for an academy's staff."""
    number = row["student_id"]
    student = None if number is None else shown_student(services.reference, number, academy, strict=services.strict)
    return {
        "id": row["id"],
        "is_streaming": bool(row["is_streaming"]),
        "event": row["shown_event"],
        "asset_id": row["asset_id"],
        "learnpack_package_id": row["learnpack_package_id"],
        "payload": row["payload"],
        "status": row["status"],
        "status_text": row["shown_text"],
        "student": student,
        "created_at": iso_instant(row["created_at"]),
        "updated_at": iso_instant(row["updated_at"]),
    }
