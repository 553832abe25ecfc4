"""The route that says whether it works, and what is going on."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Response

from gateway.api.callers import AppServices
from gateway.api.refusals import refusals
from gateway.api.services import large_answer
from gateway.insights.callers import REFUSED, Seen, Span, minutes
from gateway.insights.overview import LONGEST_MINUTES, find_overview
from gateway.insights.overview_answers import OVERVIEW_EXAMPLE, Overview

__all__ = ["router"]

router = APIRouter(prefix="/v1/telemetry/academy", tags=["insights"])

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
    services: AppServices,
    sight: Seen,
    since: Annotated[str | None, Span("How far back `received` goes (6h), at most 24h.", "6h")] = None,
) -> Response:
    """Webhooks of an academy by minute of arrival and verdict, the ledger of seven days, and who is active today."""
    back = minutes("since", since, _MINUTES, most=LONGEST_MINUTES)
    overview = await find_overview(services.questions, sight, back)
    return await large_answer(overview, headers={"Cache-Control": "private, max-age=2"})
