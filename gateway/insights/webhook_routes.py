"""Routes about webhooks: the way of one, and all of them as they are stored."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from gateway.api.callers import AppServices, Staff, staff_with
from gateway.api.parameters import Ids, Words, id_list, words
from gateway.api.refusals import refusals
from gateway.api.services import large_answer
from gateway.errors import ApiError
from gateway.insights.callers import REFUSED, UNKEPT, Seen
from gateway.insights.event_stream import EventStream, owner_of
from gateway.insights.live import Wanted
from gateway.insights.sight import Sight
from gateway.insights.trace import find_trace
from gateway.insights.webhook_answers import STREAM_EXAMPLE, TRACE_EXAMPLE, Trace
from gateway.reading.timed_routes import TimedRoute
from schemas.coercion import digits_as_id
from schemas.reference.tenancy import READ

__all__ = ["router"]

router = APIRouter(prefix="/v1/telemetry/academy/webhooks", tags=["insights"], route_class=TimedRoute)


@router.get(
    "/stream",
    summary="Webhooks as their outcomes are stored",
    response_class=EventStream,
    responses={
        200: {
            "description": "Server-sent events, for as long as the caller listens.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": STREAM_EXAMPLE}},
        },
        **refusals(*REFUSED, "invalid-filter", "too-many-streams"),
    },
)
async def stream_webhooks(
    request: Request,
    services: AppServices,
    staff: Annotated[Staff, Depends(staff_with(READ))],
    *,
    student: Ids = None,
    event: Words = None,
    status: Words = None,
) -> Response:
    """Each webhook of the academy's log once, as its first outcome is stored: event `webhook`, with its id.

    `watching` says that from now on none is missed, `away` that ClickHouse does not answer, `skipped` how many were
    dropped because they were read too slowly. It ends when the token is revoked.
    """
    wanted = Wanted(
        lambda: Sight(services.reference, staff.academy, services.strict),
        frozenset(id_list("student", student)),
        frozenset(words(event)),
        frozenset(word.upper() for word in words(status)),
    )

    def allowed() -> bool:
        token = services.views.token(staff.token.sha256)
        expired = token is None or token.expired(time.time_ns() // 1000)
        return token is not None and not expired and READ in token.capabilities(staff.academy)

    return EventStream(request.app.state.live, wanted, allowed, owner=owner_of(staff.token))


@router.get(
    "/{webhook_id}/trace",
    summary="The way of a webhook",
    response_model=Trace,
    responses={
        200: {"content": {"application/json": {"example": TRACE_EXAMPLE}}},
        **refusals(*REFUSED, "webhook-not-found", "webhook-expired"),
    },
)
async def read_trace(services: AppServices, sight: Seen, webhook_id: str) -> Response:
    """Where it stands in the raw topic, what became of it and why, the facts that it told first, and what it left."""
    number = digits_as_id(webhook_id)
    if number is None:
        raise ApiError("webhook-not-found", webhook=webhook_id)
    trace = await find_trace(services.questions, sight, services.settings, number)
    return await large_answer(trace, headers={"Cache-Control": UNKEPT})
