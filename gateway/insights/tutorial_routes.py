"""Routes about tutorials: all of an academy's, and of one its days, steps, students and sessions."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from gateway.api.callers import AppServices
from gateway.api.refusals import refusals
from gateway.api.services import Services, large_answer
from gateway.errors import ApiError
from gateway.insights import tutorial_answers as answers
from gateway.insights.callers import DATED, PAGE_HEADERS, REFUSED, UNKEPT, Days, Paged, Seen, dated_answer
from gateway.insights.sight import Sight
from gateway.insights.tutorials import (
    MOST_CELLS,
    TUTORIAL_SORTS,
    choose_steps,
    find_cells,
    find_days,
    find_funnel,
    find_heatmap_students,
    find_sessions,
    find_tutorials,
    has_figures,
)
from gateway.reading.timed_routes import TimedRoute

__all__ = ["router"]

router = APIRouter(prefix="/v1/telemetry/academy/assets", tags=["insights"], route_class=TimedRoute)


def _described(example: dict[str, Any], *slugs: str, **more: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": example}}, **more}, **refusals(*REFUSED, *slugs)}


@router.get(
    "",
    summary="Tutorials with the figures of their last day",
    response_model=answers.TutorialPage,
    responses=_described(answers.TUTORIALS_EXAMPLE, "invalid-filter", "invalid-sort", headers=PAGE_HEADERS),
)
async def list_tutorials(
    services: AppServices,
    sight: Seen,
    page: Paged,
    sort: Annotated[
        str | None,
        Query(
            description="Order, `-` for descending.",
            examples=["-students"],
            json_schema_extra={"enum": [*TUTORIAL_SORTS]},
        ),
    ] = None,
) -> Response:
    """Tutorials of this academy and of none of which anything was computed, those with most students first."""
    order = "-students" if sort is None else sort
    if order not in TUTORIAL_SORTS:
        raise ApiError("invalid-sort", known=", ".join(TUTORIAL_SORTS))
    return await page.answer(await find_tutorials(services.questions, sight, order))


@router.get(
    "/{asset_slug:path}/daily",
    summary="A tutorial by day",
    response_model=answers.TutorialDays,
    responses={**_described(answers.DAILY_EXAMPLE, "asset-not-found", "invalid-filter.day"), **DATED},
)
async def read_days(request: Request, services: AppServices, sight: Seen, days: Days, asset_slug: str) -> Response:
    """Averages over all students as of the end of each UTC day on which something changed, and what they did on it."""
    tutorial = _tutorial(sight, asset_slug)
    rows = await find_days(services.questions, tutorial, days)
    return await dated_answer(request, await _of(services, sight, tutorial, rows), days)


@router.get(
    "/{asset_slug:path}/sessions",
    summary="Sessions of work at a tutorial by day",
    response_model=answers.TutorialSessions,
    responses={**_described(answers.SESSIONS_EXAMPLE, "asset-not-found", "invalid-filter.day"), **DATED},
)
async def read_sessions(request: Request, services: AppServices, sight: Seen, days: Days, asset_slug: str) -> Response:
    """Sessions that students of names began, by the UTC day of their clocks, and the programs in which they were."""
    tutorial = _tutorial(sight, asset_slug)
    rows = await find_sessions(services.questions, tutorial, days)
    return await dated_answer(request, await _of(services, sight, tutorial, rows), days)


@router.get(
    "/{asset_slug:path}/funnel",
    summary="Where students drop out of a tutorial",
    response_model=answers.Funnel,
    responses=_described(answers.FUNNEL_EXAMPLE, "asset-not-found"),
)
async def read_funnel(services: AppServices, sight: Seen, asset_slug: str) -> Response:
    """Students who opened, attempted and completed each step, how long they took and how often they failed."""
    tutorial = _tutorial(sight, asset_slug)
    rows, left_out = await find_funnel(services.questions, tutorial)
    of = await _of(services, sight, tutorial, rows, left_out=left_out)
    return await large_answer(of, headers={"Cache-Control": UNKEPT})


@router.get(
    "/{asset_slug:path}/heatmap",
    summary="Students and steps of a tutorial",
    response_model=answers.Heatmap,
    responses=_described(answers.HEATMAP_EXAMPLE, "asset-not-found", "invalid-filter", headers=PAGE_HEADERS),
)
async def read_heatmap(services: AppServices, sight: Seen, page: Paged, asset_slug: str) -> Response:
    """What each of this academy's students did in each step; those who were there last come first.

    A page has fewer students than `limit` where there are many steps: follow `next`.
    """
    tutorial = _tutorial(sight, asset_slug)
    students, (steps, left_out) = await asyncio.gather(
        find_heatmap_students(services.questions, sight, tutorial), choose_steps(services.questions, tutorial)
    )
    page = page.at_most(MOST_CELLS // max(1, len(steps)))
    shown = await find_cells(services.questions, sight, tutorial, page.part(students), steps)
    of = await _of(services, sight, tutorial, shown, left_out=left_out)
    return await page.answer_part(len(students), of.pop("results"), **of)


_LONGEST: Final = 1_000


def _tutorial(sight: Sight, slug: str) -> str:
    tutorial = None if len(slug) > _LONGEST else sight.own_tutorial(slug)
    if tutorial is None:
        raise ApiError("asset-not-found", asset=slug[:_LONGEST])
    return tutorial


async def _of(
    services: Services, sight: Sight, tutorial: str, rows: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    """An answer with these rows; raises ApiError 404 where nobody has ever heard of the tutorial."""
    if not rows and not sight.knows(tutorial) and not await has_figures(services.questions, tutorial):
        raise ApiError("asset-not-found", asset=tutorial)
    return {"asset_slug": tutorial, "asset_title": sight.title(tutorial), **more, "results": rows}
