"""The route that tries ignore rules on what was received."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from gateway.api.callers import AppServices, Staff, staff_with
from gateway.api.refusals import refusals
from gateway.api.rules import RULES_BODY, RULES_REFUSED, rules_body, warning_texts
from gateway.api.services import large_answer
from gateway.insights.callers import REFUSED, UNKEPT, Span, minutes
from gateway.insights.rule_answers import TRIAL_EXAMPLE, Trial
from schemas.reference.tenancy import READ

__all__ = ["router"]

router = APIRouter(prefix="/v1/telemetry/academy/rules", tags=["insights"])

_WEEK: Final = 7 * 24 * 60
_MONTH: Final = 31 * 24 * 60


@router.post(
    "/test",
    summary="What ignore rules would have done",
    response_model=Trial,
    responses={
        200: {"content": {"application/json": {"example": TRIAL_EXAMPLE}}},
        **refusals(*REFUSED, *RULES_REFUSED, "invalid-filter.span"),
    },
    openapi_extra=RULES_BODY,
)
async def try_rules(
    request: Request,
    services: AppServices,
    staff: Annotated[Staff, Depends(staff_with(READ))],
    since: Annotated[str | None, Span("How far back webhooks count (7d), at most 31d.", "7d")] = None,
) -> Response:
    """Hold rules to every webhook that was received for the academy since then; nothing is changed.

    It takes seconds: one is tried at a time, and who comes meanwhile is told to come again.
    """
    back = minutes("since", since, _WEEK, most=_MONTH)
    body, rules = await rules_body(request, services)
    tried = await request.app.state.operating.try_rules(staff.academy, rules, back)
    warnings = warning_texts(body, request.headers.get("accept-language"))
    return await large_answer({**tried, "warnings": warnings}, headers={"Cache-Control": UNKEPT})
