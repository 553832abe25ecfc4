"""Students: found by name or id, and of one the tutorials with their scores over days."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from gateway.console.charts import line
from gateway.console.lists import api_call
from gateway.console.page import PREFIX, render
from gateway.console.queries import SCORES, STUDENT_DAYS
from gateway.console.recent import find_recent
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

__all__ = ["PLACE", "ROUTES", "SCORES_SHOWN", "last_days", "own_student", "score_lines", "work_address"]

SCORES_SHOWN: Final = ("completion", "engagement", "frustration")

_DAYS: Final = 90
_MOST_FOUND: Final = 50
_LONGEST: Final = 200


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


def _matching(sight: Sight, members: Iterable[int], sought: str) -> list[dict[str, Any]]:
    """Members whose name has the text in it, by name; one more than are shown."""
    wanted = " ".join(sought.casefold().split())
    found = []
    for number in members:
        student = sight.student(number)
        name = full_name(student)
        if wanted in " ".join(name.casefold().split()) or wanted == str(number):
            found.append((name.casefold(), number, student))
    return [student for _, _, student in sorted(found, key=lambda one: one[:2])]


async def _find(request: Request, visitor: Visitor) -> Response:
    sight, sought = visitor.sight, request.query_params.get("q", "").strip()[:_LONGEST]
    members = tuple(sight.reference.members(visitor.academy))
    found = await asyncio.to_thread(_matching, sight, members, sought) if sought else []
    number = digits_as_id(sought)
    if number is not None and sight.sees(number) and all(student["id"] != number for student in found):
        found.insert(0, sight.student(number))
    return await render(
        request,
        "students.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        sought=sought,
        members=len(members),
        found=found[:_MOST_FOUND],
        recent=[] if sought else await find_recent(visitor.console.services.questions, sight, _MOST_FOUND),
        more=len(found) > _MOST_FOUND,
        most=_MOST_FOUND,
    )


async def _show(request: Request, visitor: Visitor) -> Response:
    sight = visitor.sight
    student = own_student(sight, request.path_params["student"])
    days = last_days(visitor.now)
    scores = await find_scores(visitor.console.services.questions, sight, student, days)
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
            for row in scores
        ],
        shown=SCORES_SHOWN,
        call=api_call(request, f"/students/{student}", visitor.academy),
        queries=tuple(query.replace("10022", str(student)) for query in (SCORES, STUDENT_DAYS)),
    )


def score_lines(days: Iterable[dict[str, Any]], span: DaySpan) -> dict[str, str]:
    """The line of each score over a span of days, by its name."""
    whole = (span.last - span.first).days
    placed = [((date.fromisoformat(day["day"]) - span.first).days / whole, day) for day in days]
    return {name: line([(place, day[name]) for place, day in placed]) for name in SCORES_SHOWN}


PLACE: Final = Place("nav.students", f"{PREFIX}/students", READ)
ROUTES: Final = [showing("/students", READ, _find), showing("/students/{student}", READ, _show)]
