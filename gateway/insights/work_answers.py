"""What is answered about a student's work, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

from gateway.insights.student_answers import ShownStudent

__all__ = ["STUDENT_EXAMPLE", "WORK_EXAMPLE", "StudentTutorial", "StudentTutorials"]


class DayScores(BaseModel):
    """Scores as of the end of a UTC day."""

    day: str
    engagement: float | None
    frustration: float | None
    completion: float | None


class Scores(BaseModel):
    """What was computed of a student's tutorial; null where nothing was."""

    asset_slug: str
    asset_title: str | None
    engagement: float | None
    frustration: float | None
    completion: float | None = Field(description="Completed steps in percent.")
    total_time_seconds: float | None
    algorithm: float | None = Field(description="Version of the indicators.")
    last_interaction_at: str | None
    finished_at: str | None
    updated_at: str | None
    days: list[DayScores]


class StudentTutorials(BaseModel):
    """A student's tutorials, the last one worked at first."""

    student: ShownStudent
    results: list[Scores]


class Mover(BaseModel):
    """A step that moved a term, by so many of its points; `starts` are the tries that count."""

    slug: str | None
    position: int
    status: str
    amount: float = Field(description="What it adds to the metric.")
    points: float
    starts: list[str | None]


class Term(BaseModel):
    """A summand of a score: `normalised` (0 to 100) times `weight`."""

    metric: str
    label: str
    unit: str
    value: float
    normalised: float
    weight: float
    points: float
    movers: list[Mover]


class ExplainedScore(BaseModel):
    """A score, which is the sum of its terms' points."""

    name: str
    value: float
    stored: float | None = Field(description="What is stored; another value where staff have set it.")
    agrees: bool
    terms: list[Term]


class Explanation(BaseModel):
    """Why scores are what they are."""

    version: float
    steps: int
    scores: list[ExplainedScore]


class Thing(BaseModel):
    """Something that a student did."""

    occurred_at: str
    received_at: str
    event: str
    step_slug: str
    step_position: int | None
    succeeded: bool | None
    exit_code: int | None
    duration_ms: int | None
    error_kind: str
    code_bytes: int | None
    output_bytes: int | None
    source: str
    agent: str | None
    webhook_id: int


class StudentTutorial(BaseModel):
    """A student's work at a tutorial: scores, their explanation, and a page of the timeline."""

    student: ShownStudent
    asset_slug: str
    asset_title: str | None
    scores: Scores | None
    explanation: Explanation | None
    count: int
    next: str | None
    previous: str | None
    results: list[Thing]


_STUDENT: Final[dict[str, Any]] = {"id": 1234, "first_name": "Ada", "last_name": "Lovelace"}
_NAMED: Final[dict[str, Any]] = {"asset_slug": "javascript-arrays-intro", "asset_title": "JavaScript Arrays Intro"}
_SCORES: Final[dict[str, Any]] = {
    **_NAMED,
    "engagement": 28.5,
    "frustration": 9.5,
    "completion": 75.0,
    "total_time_seconds": 972.0,
    "algorithm": 1.0,
    "last_interaction_at": "2026-04-15T10:39:10.000Z",
    "finished_at": None,
    "updated_at": "2026-04-15T10:39:12.000Z",
    "days": [{"day": "2026-04-15", "engagement": 28.5, "frustration": 9.5, "completion": 75.0}],
}
_MOVER: Final[dict[str, Any]] = {
    "slug": "05-loops",
    "position": 5,
    "status": "attempted",
    "amount": 12,
    "points": 8.0,
    "starts": ["2026-04-15T10:02:00.000Z"],
}
_TERM: Final[dict[str, Any]] = {
    "metric": "avg_test_struggles",
    "label": "failed tests per step",
    "unit": "count",
    "value": 4.0,
    "normalised": 40.0,
    "weight": 0.2,
    "points": 8.0,
    "movers": [_MOVER],
}
_THING: Final[dict[str, Any]] = {
    "occurred_at": "2026-04-15T10:39:10.000Z",
    "received_at": "2026-04-15T10:39:11.120Z",
    "event": "test",
    "step_slug": "05-loops",
    "step_position": 5,
    "succeeded": False,
    "exit_code": 1,
    "duration_ms": 840,
    "error_kind": "TypeError",
    "code_bytes": 412,
    "output_bytes": 1290,
    "source": "stream",
    "agent": None,
    "webhook_id": 9012,
}
STUDENT_EXAMPLE: Final[dict[str, Any]] = {"student": _STUDENT, "results": [_SCORES]}
WORK_EXAMPLE: Final[dict[str, Any]] = {
    "student": _STUDENT,
    **_NAMED,
    "scores": _SCORES,
    "explanation": {
        "version": 1.0,
        "steps": 12,
        "scores": [{"name": "frustration", "value": 8.0, "stored": 8.0, "agrees": True, "terms": [_TERM]}],
    },
    "count": 1,
    "next": None,
    "previous": None,
    "results": [_THING],
}
