"""What is answered about tutorials, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from gateway.insights.student_answers import ShownStudent

__all__ = [
    "DAILY_EXAMPLE",
    "FUNNEL_EXAMPLE",
    "HEATMAP_EXAMPLE",
    "SESSIONS_EXAMPLE",
    "TUTORIALS_EXAMPLE",
    "Funnel",
    "Heatmap",
    "TutorialDays",
    "TutorialPage",
    "TutorialSessions",
]


class Day(BaseModel):
    """A tutorial as of the end of a UTC day: means over its students, and what was told on that day."""

    day: str
    students: int = Field(description="With a record as of that day.")
    active_students: int
    completion: float = Field(description="Mean completion rate, in percent.")
    engagement: float
    frustration: float
    open_steps: int
    compiles: int
    compile_failures: int
    tests: int
    test_failures: int
    quizzes: int
    quiz_failures: int
    questions: int = Field(description="To the AI tutor.")


class Tutorial(Day):
    """A tutorial as of its last day."""

    asset_slug: str
    asset_title: str | None


class TutorialPage(BaseModel):
    """A page of tutorials."""

    count: int
    next: str | None
    previous: str | None
    results: list[Tutorial]


class _OfTutorial(BaseModel):
    asset_slug: str = Field(description="The canonical one of its translations.")
    asset_title: str | None


class TutorialDays(_OfTutorial):
    """A tutorial by day; days on which nothing changed have no entry."""

    results: list[Day]


class FunnelStep(BaseModel):
    """A step: how many students, and how they fared."""

    step_slug: str
    step_position: int | None
    opened: int
    attempted: int
    completed: int
    seconds_median: float | None = Field(description="From first opening to completion.")
    seconds_p90: float | None
    tries_median: float | None = Field(description="Compilations, tests and quizzes of who tried.")
    tries: int
    failures: int
    failed_percent: float = Field(description="Failures in percent of tries.")
    failed_first: int = Field(description="Students whose first try failed.")
    questions: int = Field(description="To the AI tutor.")


class Funnel(_OfTutorial):
    """A tutorial's steps in their order; of more than 200 those that most students have."""

    left_out: int = Field(description="Steps that are not shown.")
    results: list[FunnelStep]


class SessionsDay(BaseModel):
    """Sessions that began on a UTC day of the students' clocks."""

    day: str
    sessions: int
    students: int
    agents: dict[str, int] = Field(description="Sessions by the program that they were in.")


class TutorialSessions(_OfTutorial):
    """Sessions by day; days without any have no entry."""

    results: list[SessionsDay]


class Cell(BaseModel):
    """What a student did in a step."""

    step_slug: str
    step_position: int | None
    state: Literal["opened", "attempted", "completed"]
    tries: int
    failures: int
    questions: int
    first_at: str
    last_at: str


class HeatmapRow(BaseModel):
    """A student's steps; those of which nothing is known are left out."""

    student: ShownStudent
    actor: str
    last_seen: str
    steps: list[Cell]


class Heatmap(_OfTutorial):
    """A page of students with their steps; of more than 200 those that most students have."""

    left_out: int = Field(description="Steps that are not shown.")
    count: int
    next: str | None
    previous: str | None
    results: list[HeatmapRow]


_DAY: Final[dict[str, Any]] = {
    "day": "2026-04-15",
    "students": 120,
    "active_students": 31,
    "completion": 45.2,
    "engagement": 78.3,
    "frustration": 12.5,
    "open_steps": 84,
    "compiles": 310,
    "compile_failures": 42,
    "tests": 150,
    "test_failures": 61,
    "quizzes": 12,
    "quiz_failures": 3,
    "questions": 20,
}
_NAMED: Final[dict[str, Any]] = {"asset_slug": "javascript-arrays-intro", "asset_title": "JavaScript Arrays Intro"}
_PAGE: Final[dict[str, Any]] = {"count": 1, "next": None, "previous": None}
TUTORIALS_EXAMPLE: Final[dict[str, Any]] = {**_PAGE, "results": [{**_DAY, **_NAMED}]}
DAILY_EXAMPLE: Final[dict[str, Any]] = {**_NAMED, "results": [_DAY]}
FUNNEL_EXAMPLE: Final[dict[str, Any]] = {
    **_NAMED,
    "left_out": 0,
    "results": [
        {
            "step_slug": "05-loops",
            "step_position": 5,
            "opened": 98,
            "attempted": 90,
            "completed": 71,
            "seconds_median": 412.5,
            "seconds_p90": 1810.0,
            "tries_median": 4.0,
            "tries": 512,
            "failures": 301,
            "failed_percent": 58.8,
            "failed_first": 66,
            "questions": 44,
        }
    ],
}
SESSIONS_EXAMPLE: Final[dict[str, Any]] = {
    **_NAMED,
    "results": [{"day": "2026-04-15", "sessions": 40, "students": 31, "agents": {"vscode": 38, "unknown": 2}}],
}
HEATMAP_EXAMPLE: Final[dict[str, Any]] = {
    **_NAMED,
    "left_out": 0,
    **_PAGE,
    "results": [
        {
            "student": {"id": 1234, "first_name": "Ada", "last_name": "Lovelace"},
            "actor": "1234",
            "last_seen": "2026-04-15T10:39:10.000Z",
            "steps": [
                {
                    "step_slug": "05-loops",
                    "step_position": 5,
                    "state": "attempted",
                    "tries": 12,
                    "failures": 12,
                    "questions": 2,
                    "first_at": "2026-04-15T09:58:00.000Z",
                    "last_at": "2026-04-15T10:39:10.000Z",
                }
            ],
        }
    ],
}
