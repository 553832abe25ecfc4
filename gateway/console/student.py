"""Students: found by name or id, and of one the tutorials with their scores over days."""

from __future__ import annotations

import asyncio
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from gateway.console.charts import line
from gateway.console.lists import MOST_EXPORTED, api_call, as_csv, filled, listed
from gateway.console.page import PREFIX, render
from gateway.console.recent import find_recent, with_work
from gateway.console.routes import Place, showing
from gateway.errors import ApiError
from gateway.insights.days import DaySpan
from gateway.insights.work import find_scores
from gateway.reading.shown import full_name
from schemas.coercion import digits_as_id
from schemas.reference.tenancy import READ

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor
    from gateway.insights.sight import Sight

__all__ = [
    "PLACE",
    "ROUTES",
    "SCORES_SHOWN",
    "last_days",
    "matching",
    "own_student",
    "score_lines",
    "work_address",
]

SCORES_SHOWN: Final = ("completion", "engagement", "frustration")

_DAYS: Final = 90
_MOST_FOUND: Final = 50
# Nobody looks at more tutorials of one student, nor at more of their days.
_MOST_SHOWN: Final = 60
_MOST_DAYS: Final = 500
_LONGEST: Final = 200
_COLUMNS: Final = ("student_id", "student", "tutorials", "completion", "last_at")


def last_days(now: float) -> DaySpan:
    """The UTC days that pages show scores of."""
    today = datetime.fromtimestamp(now, tz=UTC).date()
    return DaySpan(today - timedelta(_DAYS), today)


def own_student(sight: Sight, text: str) -> int:
    """The id that an address names; raises ApiError 404 for whoever the academy's staff do not reach."""
    number = digits_as_id(text)
    if number is None or not sight.sees(number):
        raise ApiError("user-not-found", user=text[:_LONGEST])
    return number


def work_address(student: int, tutorial: str, step: str = "") -> str:
    """The page of a student's work at a tutorial; whatever a slug is, it stays within the query."""
    query = urlencode({"slug": tutorial, **({"step": step} if step else {})})
    return f"{PREFIX}/students/{student}/tutorial?{query}"


def _folded(text: str) -> str:
    """A text as names are compared: without accents, upper case and what stands between words twice."""
    letters = unicodedata.normalize("NFKD", text)
    return " ".join("".join(one for one in letters if not unicodedata.combining(one)).casefold().split())


def matching(sight: Sight, members: Iterable[int], sought: str) -> list[dict[str, Any]]:
    """Members whose name has the text in it, or whose id it is, by name."""
    wanted = _folded(sought)
    found = []
    for number in members:
        student = sight.student(number)
        name = _folded(full_name(student))
        if wanted in name or wanted == str(number):
            found.append((name, number, student))
    return [student for _, _, student in sorted(found, key=lambda one: one[:2])]


async def _search(visitor: Visitor, members: Iterable[int], sought: str) -> list[dict[str, Any]]:
    async with visitor.console.searches.turn():
        return await asyncio.to_thread(matching, visitor.sight, members, sought)


async def _found(visitor: Visitor, sought: str, most: int) -> tuple[list[dict[str, Any]], int]:
    """So many of the students who are sought, else of those who worked last, with their tutorials; and of how many."""
    sight, questions = visitor.sight, visitor.console.services.questions
    if not sought:
        recent = await find_recent(questions, sight, most)
        return recent, len(recent)
    found = await _search(visitor, tuple(sight.reference.members(visitor.academy)), sought)
    number = digits_as_id(sought)
    if number is not None and sight.sees(number) and all(student["id"] != number for student in found):
        found.insert(0, sight.student(number))
    return await with_work(questions, found[:most]), len(found)


async def _find(request: Request, visitor: Visitor) -> Response:
    filters = {name: value[:_LONGEST] for name, value in filled(request, ("q",)).items()}
    sought = filters.get("q", "")
    found, count = await _found(visitor, sought, _MOST_FOUND)
    return await render(
        request,
        "students.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        sought=sought,
        members=len(visitor.sight.reference.members(visitor.academy)),
        found=found,
        more=count > _MOST_FOUND,
        most=_MOST_FOUND,
        export=listed(request, filters).export,
    )


async def _export(request: Request, visitor: Visitor) -> Response:
    sought = request.query_params.get("q", "").strip()[:_LONGEST]
    found, _ = await _found(visitor, sought, MOST_EXPORTED)
    named = visitor.view.names
    return as_csv(
        "students",
        _COLUMNS,
        (
            (
                student["id"] if named else None,
                visitor.name(student),
                student["tutorials"],
                student["completion"],
                student["last_at"],
            )
            for student in found
        ),
    )


async def _show(request: Request, visitor: Visitor) -> Response:
    sight = visitor.sight
    student = own_student(sight, request.path_params["student"])
    days = last_days(visitor.now)
    scores = await find_scores(visitor.console.services.questions, sight, student, days)
    if not scores and not sight.reference.has_user(student):
        raise ApiError("user-not-found", user=student)
    shown = scores[:_MOST_SHOWN]
    return await render(
        request,
        "student.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        name=visitor.name(sight.student(student)),
        student=student,
        rows=[
            {
                **row,
                "lines": score_lines(row["days"], days),
                "address": work_address(student, row["asset_slug"]),
            }
            for row in shown
        ],
        count=len(scores),
        days=[(row, day) for row in shown for day in reversed(row["days"])][:_MOST_DAYS],
        shown=SCORES_SHOWN,
        call=api_call(request, f"/students/{visitor.copied_id(student)}", visitor.academy),
        queries=visitor.sql.student(student),
    )


def score_lines(days: Iterable[dict[str, Any]], span: DaySpan) -> dict[str, str]:
    """The line of each score over a span of days, by its name."""
    whole = (span.last - span.first).days
    placed = [((date.fromisoformat(day["day"]) - span.first).days / whole, day) for day in days]
    return {name: line([(place, day[name]) for place, day in placed]) for name in SCORES_SHOWN}


PLACE: Final = Place("nav.students", f"{PREFIX}/students", READ)
ROUTES: Final = [
    showing("/students", READ, _find),
    showing("/students.csv", READ, _export),
    showing("/students/{student}", READ, _show),
]
