"""Routes about students: who is stuck now, and what one of them does."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from gateway.api.callers import AppServices
from gateway.api.parameters import words
from gateway.api.refusals import refusals
from gateway.api.services import large_answer
from gateway.errors import ApiError
from gateway.insights.callers import PAGE_HEADERS, REFUSED, UNKEPT, Days, Number, Paged, Seen, Span, bounded, minutes
from gateway.insights.sight import Sight
from gateway.insights.stuck import LONGEST_MINUTES, MOST_FAILURES, StuckRule, find_stuck
from gateway.insights.student_answers import STUCK_EXAMPLE, StuckPage
from gateway.insights.work import find_explanation, find_scores, find_timeline
from gateway.insights.work_answers import STUDENT_EXAMPLE, WORK_EXAMPLE, StudentTutorial, StudentTutorials
from gateway.reading.timed_routes import TimedRoute
from schemas.coercion import digits_as_id

__all__ = ["router"]

router = APIRouter(prefix="/v1/telemetry/academy/students", tags=["insights"], route_class=TimedRoute)

_DEFAULT: Final = StuckRule()


@router.get(
    "/stuck",
    summary="Who is stuck now",
    response_model=StuckPage,
    responses={
        200: {"content": {"application/json": {"example": STUCK_EXAMPLE}}, "headers": PAGE_HEADERS},
        **refusals(*REFUSED, "invalid-filter", "invalid-filter.span"),
    },
)
async def list_stuck(
    services: AppServices,
    sight: Seen,
    page: Paged,
    *,
    asset: Annotated[
        str | None, Query(description="Slugs of tutorials, comma-separated.", examples=["javascript-arrays-intro"])
    ] = None,
    cohort: Annotated[
        str | None, Query(description="The cohort that the student's document names.", examples=["12"])
    ] = None,
    since: Annotated[str | None, Span("How far back tries count (2h), at most 7d.", "2h")] = None,
    seen: Annotated[str | None, Span("The student did anything since then (30m), at most 7d.", "30m")] = None,
    failures: Annotated[str | None, Number("At least so many failures in a row (3), 1 to 100.", "3", least=1)] = None,
    stuck: Annotated[str | None, Number("The first of them at least so many minutes ago (0).", "0")] = None,
) -> Response:
    """Students who fail again and again in a step that they have not completed, the most urgent first."""
    rule = StuckRule(
        minutes=minutes("since", since, _DEFAULT.minutes, most=LONGEST_MINUTES),
        seen=minutes("seen", seen, _DEFAULT.seen, most=LONGEST_MINUTES),
        failures=bounded("failures", failures, _DEFAULT.failures, least=1, most=MOST_FAILURES),
        stuck=bounded("stuck", stuck, _DEFAULT.stuck, least=0, most=LONGEST_MINUTES),
    )
    return await page.answer(await find_stuck(services.questions, sight, rule, words(asset), (cohort or "").strip()))


@router.get(
    "/{student_id}",
    summary="A student's tutorials with scores over days",
    response_model=StudentTutorials,
    responses={
        200: {"content": {"application/json": {"example": STUDENT_EXAMPLE}}},
        **refusals(*REFUSED, "user-not-found", "invalid-filter.day"),
    },
)
async def read_student(services: AppServices, sight: Seen, days: Days, student_id: str) -> Response:
    """Scores of each tutorial, now and at the end of each day on which they changed; the last one worked at first."""
    student = _student(sight, student_id)
    results = await find_scores(services.questions, sight, student, days)
    if not results and not sight.reference.has_user(student):
        raise ApiError("user-not-found", user=student_id[:_LONGEST])
    return await large_answer(
        {"student": sight.student(student), "results": results}, headers={"Cache-Control": UNKEPT}
    )


@router.get(
    "/{student_id}/assets/{asset_slug:path}",
    summary="What a student did in a tutorial, and why its scores are what they are",
    response_model=StudentTutorial,
    responses={
        200: {"content": {"application/json": {"example": WORK_EXAMPLE}}, "headers": PAGE_HEADERS},
        **refusals(*REFUSED, "user-not-found", "telemetry-not-found", "invalid-filter", "invalid-filter.day"),
    },
)
async def read_work(
    services: AppServices, sight: Seen, page: Paged, days: Days, *, student_id: str, asset_slug: str
) -> Response:
    """The timeline as `results`, the newest first, with the scores over days and the terms of each."""
    student, tutorial, questions = _student(sight, student_id), sight.tutorial(asset_slug), services.questions
    (count, things), found = await asyncio.gather(
        find_timeline(questions, student, tutorial, limit=page.limit, offset=page.offset),
        find_scores(questions, sight, student, days, tutorial),
    )
    if not tutorial or not (count or found):
        raise ApiError("telemetry-not-found", user=student, asset=asset_slug[:_LONGEST])
    scores = found[0] if found else None
    explanation = None if scores is None else await find_explanation(questions, services.explain, student, scores)
    of = {"student": sight.student(student), "asset_slug": tutorial, "asset_title": sight.title(tutorial)}
    return await page.answer_part(count, things, **of, scores=scores, explanation=explanation)


_LONGEST: Final = 1_000


def _student(sight: Sight, text: str) -> int:
    number = digits_as_id(text)
    if number is None or not sight.sees(number):
        raise ApiError("user-not-found", user=text[:_LONGEST])
    return number
