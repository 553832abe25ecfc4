"""Routes about webhooks: the way of one."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gateway.api.callers import AppServices
from gateway.api.refusals import refusals
from gateway.api.services import large_answer
from gateway.errors import ApiError
from gateway.insights.callers import REFUSED, UNKEPT, Seen
from gateway.insights.trace import find_trace
from gateway.insights.webhook_answers import TRACE_EXAMPLE, Trace
from schemas.coercion import digits_as_id

__all__ = ["router"]

router = APIRouter(prefix="/v1/telemetry/academy/webhooks", tags=["insights"])


@router.get(
    "/{webhook_id}/trace",
    summary="The way of a webhook",
    response_model=Trace,
    responses={
        200: {"content": {"application/json": {"example": TRACE_EXAMPLE}}},
        **refusals(*REFUSED, "webhook-not-found"),
    },
)
async def read_trace(services: AppServices, sight: Seen, webhook_id: str) -> Response:
    """Where it stands in the raw topic, what became of it and why, the facts that it told first, and what it left."""
    number = digits_as_id(webhook_id)
    trace = None if number is None else await find_trace(services.questions, sight, services.settings, number)
    if trace is None:
        raise ApiError("webhook-not-found", webhook=webhook_id)
    return await large_answer(trace, headers={"Cache-Control": UNKEPT})
