"""What one student did in one tutorial, and why the scores are what they are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from gateway.console.lists import api_call, listed
from gateway.console.page import PREFIX, render
from gateway.console.routes import showing
from gateway.console.student import last_days, own_student
from gateway.console.timeline import kind_of, timeline
from gateway.errors import ApiError
from gateway.insights.work import find_explanation, find_scores, find_timeline
from schemas.reference.tenancy import READ

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor

__all__ = ["ROUTES", "explained_scores"]

# Marks in a picture: beyond some hundreds nobody tells them apart.
_DRAWN: Final = 400
_MOVERS: Final = 5


def explained_scores(explanation: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Scores with the bar that their terms add up to: each term's points, the most that it can give, its movers.

    The steps that moved a term most come first.
    """
    scores = []
    for score in [] if explanation is None else explanation["scores"]:
        at, terms = 0.0, []
        for number, term in enumerate(score["terms"]):
            length = max(0.0, term["points"]) * 10
            ranked = sorted(term["movers"], key=lambda mover: -abs(mover["points"]))
            terms.append(
                {
                    **term,
                    "number": number,
                    "start": round(at, 1),
                    "length": round(length, 1),
                    "most": 100 * term["weight"],
                    "movers": ranked[:_MOVERS],
                    "more": max(0, len(ranked) - _MOVERS),
                }
            )
            at += length
        scores.append({**score, "terms": terms})
    return scores


async def _show(request: Request, visitor: Visitor) -> Response:
    sight, services = visitor.sight, visitor.console.services
    student = own_student(sight, request.path_params["student"])
    slug = request.query_params.get("slug", "")
    tutorial = sight.tutorial(slug)
    page = listed(request, {"slug": slug})
    (count, drawn), (_, things), found = await asyncio.gather(
        find_timeline(services.questions, student, tutorial, limit=_DRAWN, offset=0),
        find_timeline(services.questions, student, tutorial, limit=page.limit, offset=page.offset),
        find_scores(services.questions, sight, student, last_days(visitor.now), tutorial),
    )
    if not tutorial or not (count or found):
        raise ApiError("telemetry-not-found", user=student, asset=slug[:200])
    scores = found[0] if found else None
    explanation = (
        None if scores is None else await find_explanation(services.questions, services.explain, student, scores)
    )
    return await render(
        request,
        "work.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        name=visitor.name(sight.student(student)),
        student=student,
        student_address=f"{PREFIX}/students/{student}",
        tutorial=tutorial,
        title=sight.title(tutorial) or tutorial,
        scores=scores,
        explanation=explanation,
        explained=explained_scores(explanation),
        picture=timeline(drawn),
        drawn=len(drawn),
        step=request.query_params.get("step", ""),
        rows=[{**thing, "kind": kind_of(thing)} for thing in things],
        count=count,
        page=page,
        call=api_call(
            request, f"/students/{visitor.copied_id(student)}/assets/{quote(tutorial, safe='')}", visitor.academy
        ),
        queries=(visitor.sql.timeline(student, tutorial),),
    )


ROUTES: Final = [showing("/students/{student}/tutorial", READ, _show)]
