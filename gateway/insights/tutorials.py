"""Figures of tutorials: all of them, and of one its days, steps, students and sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.insights.runs import runs
from gateway.insights.sql import CELLS, DAILY, FUNNEL, HEATMAP_STUDENTS, KNOWN, SESSIONS, STEPS, TUTORIALS
from gateway.reading.shown import iso_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.insights.days import DaySpan
    from gateway.insights.sight import Sight
    from gateway.reading.questions import Questions

__all__ = [
    "MOST_CELLS",
    "MOST_DAYS",
    "MOST_STEPS",
    "TUTORIAL_SORTS",
    "Chosen",
    "choose_steps",
    "find_cells",
    "find_days",
    "find_funnel",
    "find_heatmap_students",
    "find_sessions",
    "find_tutorials",
    "grid",
    "has_figures",
]

MOST_DAYS: Final = 400

# Real tutorials have some dozens of steps. Whoever tells of hundreds must not make answers of megabytes.
MOST_STEPS: Final = 200
MOST_CELLS: Final = 20_000

# What a list of tutorials may be sorted by; `-` is descending, and equal ones are by slug.
TUTORIAL_SORTS: Final = (
    "-students",
    "students",
    "-frustration",
    "frustration",
    "-completion",
    "completion",
    "-day",
    "asset_slug",
)


async def find_tutorials(questions: Questions, sight: Sight, sort: str) -> list[dict[str, Any]]:
    """The tutorials of an academy, and those of none, with the figures of their last day; raises as Questions does."""
    rows = [row for row in await questions.rows(TUTORIALS) if sight.own_tutorial(row["asset_slug"]) is not None]
    rows.sort(key=lambda row: row["asset_slug"])
    rows.sort(key=lambda row: row[sort.removeprefix("-")], reverse=sort.startswith("-"))
    return [{**row, "asset_title": sight.title(row["asset_slug"]), "day": str(row["day"])} for row in rows]


async def find_days(questions: Questions, tutorial: str, days: DaySpan) -> list[dict[str, Any]]:
    """A tutorial's figures as of the end of each UTC day on which something changed."""
    parameters = {"tutorial": tutorial, **days.parameters(), "limit": MOST_DAYS}
    return [{**row, "day": str(row["day"])} for row in await questions.rows(DAILY, parameters)]


async def has_figures(questions: Questions, tutorial: str) -> bool:
    """Whether anything was ever computed of a tutorial."""
    return bool(await questions.rows(KNOWN, {"tutorial": tutorial}))


class Chosen(NamedTuple):
    """Those of a tutorial's steps that most students have, and how many others are left out."""

    steps: list[Any]
    left_out: int


async def find_funnel(questions: Questions, tutorial: str, most: int = MOST_STEPS) -> Chosen:
    """How many students open, attempt and complete each step, in the order of the steps.

    Of more than `most` steps those that most students have.
    """
    rows = await questions.rows(FUNNEL, {"tutorial": tutorial, "limit": most})
    every = [row.pop("every_step") for row in rows]
    rows.sort(key=lambda row: (row["step_position"] is None, row["step_position"], row["step_slug"]))
    return Chosen(rows, max(every, default=0) - len(rows))


async def find_sessions(questions: Questions, tutorial: str, days: DaySpan) -> list[dict[str, Any]]:
    """Sessions of work by the UTC day of the student's clock, with the programs in which they were."""
    parameters = {"tutorial": tutorial, **days.parameters(), "limit": MOST_DAYS}
    rows = await questions.rows(SESSIONS, parameters)
    return [
        {**row, "day": str(row["day"]), "agents": {name or "unknown": count for name, count in row["agents"].items()}}
        for row in rows
    ]


async def find_heatmap_students(questions: Questions, sight: Sight, tutorial: str) -> list[dict[str, Any]]:
    """The students of a tutorial whom an academy's staff see, those who were there last first."""
    rows = await questions.rows(HEATMAP_STUDENTS, {"tutorial": tutorial, **sight.narrowed()})
    return [row for row in rows if sight.sees(row["student_id"])]


async def choose_steps(questions: Questions, tutorial: str, most: int = MOST_STEPS) -> Chosen:
    """The slugs of the steps that most students have anything of, at most so many."""
    rows = await questions.rows(STEPS, {"tutorial": tutorial, "limit": most})
    return Chosen([row["step_slug"] for row in rows], max((row["every_step"] for row in rows), default=0) - len(rows))


async def find_cells(
    questions: Questions, sight: Sight, tutorial: str, students: Sequence[dict[str, Any]], steps: Sequence[str]
) -> list[dict[str, Any]]:
    """What each of some students (rows of `find_heatmap_students`) did in each of some steps."""
    cells: list[dict[str, Any]] = []
    for run in runs((row["actor"] for row in students), lambda actor: (actor,)):
        sought = {"tutorial": tutorial, "actors": run, "steps": list(steps), "limit": len(run) * len(steps)}
        cells += await questions.rows(CELLS, sought)
    return grid(students, cells, sight)


def grid(students: Iterable[dict[str, Any]], cells: Iterable[dict[str, Any]], sight: Sight) -> list[dict[str, Any]]:
    """Rows of the grid of students and steps."""
    steps: dict[str, list[dict[str, Any]]] = {}
    for cell in cells:
        steps.setdefault(cell["actor"], []).append(_cell(cell))
    return [
        {
            "student": sight.student(row["student_id"]),
            "actor": row["actor"],
            "last_seen": iso_instant(row["last_seen"]),
            "steps": steps.get(row["actor"], []),
        }
        for row in students
    ]


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    state = "completed" if cell["completed"] else "attempted" if cell["tries"] else "opened"
    return {
        "step_slug": cell["step_slug"],
        "step_position": cell["position"],
        "state": state,
        "tries": cell["tries"],
        "failures": cell["failures"],
        "questions": cell["questions"],
        "first_at": iso_instant(cell["first_at"]),
        "last_at": iso_instant(cell["last_at"]),
    }
