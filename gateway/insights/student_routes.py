"""Routes about students: who is stuck now."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from gateway.api.callers import AppServices
from gateway.api.parameters import words
from gateway.api.refusals import refusals
from gateway.insights.callers import PAGE_HEADERS, REFUSED, Number, Paged, Seen, Span, bounded, minutes
from gateway.insights.stuck import LONGEST_MINUTES, MOST_FAILURES, StuckRule, find_stuck
from gateway.insights.student_answers import STUCK_EXAMPLE, StuckPage

__all__ = ["router"]

router = APIRouter(prefix="/v1/telemetry/academy/students", tags=["insights"])

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
    failures: Annotated[str | None, Number("At least so many failures in a row (3), 1 to 100.", "3")] = None,
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
