"""What is answered about students, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

__all__ = ["STUCK_EXAMPLE", "StuckPage"]


class ShownStudent(BaseModel):
    """Who it is: `id` is null while nobody is named, names where the directory has none."""

    id: int | None
    first_name: str | None
    last_name: str | None


class LastError(BaseModel):
    """The last try that failed: what it was, the kind of error and the exit code as the client named them."""

    event: str
    kind: str
    exit_code: int | None


class Stuck(BaseModel):
    """A student who is stuck in a step."""

    student: ShownStudent
    actor: str
    asset_slug: str
    asset_title: str | None
    step_slug: str
    step_position: int | None
    failures: int = Field(description="Tries that failed since the last that went well.")
    minutes: int = Field(description="Since the first of them.")
    stuck_since: str
    minutes_on_step: int = Field(description="From the first to the last thing that is known of the step in `since`.")
    last_error: LastError
    questions: int = Field(description="To the AI tutor, since the last try that went well.")
    completed_steps: int = Field(description="Of the tutorial, in `since`.")
    last_seen: str = Field(description="The last thing that the student did in the tutorial.")
    urgency: float = Field(description="0 to 100: half for failures, 30 for minutes, 20 for no completed step.")


class StuckPage(BaseModel):
    """A page of those who are stuck."""

    count: int
    next: str | None
    previous: str | None
    results: list[Stuck]


STUCK_EXAMPLE: Final[dict[str, Any]] = {
    "count": 1,
    "next": None,
    "previous": None,
    "results": [
        {
            "student": {"id": 1234, "first_name": "Ada", "last_name": "Lovelace"},
            "actor": "1234",
            "asset_slug": "javascript-arrays-intro",
            "asset_title": "JavaScript Arrays Intro",
            "step_slug": "05-loops",
            "step_position": 5,
            "failures": 12,
            "minutes": 38,
            "stuck_since": "2026-04-15T10:02:00.000Z",
            "minutes_on_step": 41,
            "last_error": {"event": "test", "kind": "TypeError", "exit_code": 1},
            "questions": 2,
            "completed_steps": 0,
            "last_seen": "2026-04-15T10:39:10.000Z",
            "urgency": 89.0,
        }
    ],
}
