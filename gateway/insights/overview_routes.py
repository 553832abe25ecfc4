"""The route that says whether it works, and what is going on."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response

from gateway.api.callers import AppServices, Caller
from gateway.api.refusals import refusals
from gateway.api.services import large_answer
from gateway.insights.callers import REFUSED, Seen, Span, minutes
from gateway.insights.overview import LONGEST_MINUTES, find_overview
from gateway.insights.overview_answers import OVERVIEW_EXAMPLE, Overview
from gateway.insights.system import System
from gateway.operating import OPERATE
from gateway.reading.timed_routes import TimedRoute

__all__ = ["router"]

router = APIRouter(prefix="/v1/telemetry/academy", tags=["insights"], route_class=TimedRoute)

_MINUTES: Final = 6 * 60


@router.get(
    "/overview",
    summary="What came in, what became of it, and who is there",
    response_model=Overview,
    responses={
        200: {"content": {"application/json": {"example": OVERVIEW_EXAMPLE}}},
        **refusals(*REFUSED, "invalid-filter.span"),
    },
)
async def read_overview(
    request: Request,
    services: AppServices,
    sight: Seen,
    token: Caller,
    since: Annotated[str | None, Span("How far back `received` goes (6h), at most 24h.", "6h")] = None,
) -> Response:
    """Webhooks of an academy by minute of arrival and verdict, the ledger of seven days, and who is active today.

    For operators also whether everything works, and how far who is behind.
    """
    back = minutes("since", since, _MINUTES, most=LONGEST_MINUTES)
    overview, system = await asyncio.gather(
        find_overview(services.questions, sight, back), _system(request, operates=bool(token.academies_with(OPERATE)))
    )
    headers = {"Cache-Control": "private, max-age=2", "Vary": "Authorization, Academy"}
    return await large_answer({**overview, "system": system}, headers=headers)


async def _system(request: Request, *, operates: bool) -> dict[str, Any] | None:
    system: System = request.app.state.system
    return await system.lately() if operates else None
