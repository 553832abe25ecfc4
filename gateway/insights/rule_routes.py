"""Routes about ignore rules: what they would have done, and who changed them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from gateway.api.callers import AppServices, Staff, staff_with
from gateway.api.refusals import OF_STAFF, refusals
from gateway.api.rules import RULES_BODY, RULES_REFUSED, rules_body, warning_texts
from gateway.api.services import by_kafka, large_answer
from gateway.errors import ApiError
from gateway.insights.callers import PAGE_HEADERS, REFUSED, UNKEPT, Paged, Seen, Span, minutes
from gateway.insights.rule_answers import HISTORY_EXAMPLE, TRIAL_EXAMPLE, RuleHistoryPage, Trial
from gateway.insights.sight import Sight
from gateway.operating import LONGEST_TRIAL_MINUTES, TRIAL_MINUTES
from gateway.reading.questions import BusyError
from gateway.reading.shown import iso_instant
from schemas.reference.tenancy import READ
from schemas.wire.rule_changes import RuleChange

__all__ = ["router", "shown_example"]

router = APIRouter(prefix="/v1/telemetry/academy/rules", tags=["insights"])

_HISTORY_SECONDS: Final = 5.0
# What a trial takes, about.
_BUSY_SECONDS: Final = 5


@router.post(
    "/test",
    summary="What ignore rules would have done",
    response_model=Trial,
    responses={
        200: {"content": {"application/json": {"example": TRIAL_EXAMPLE}}},
        **refusals(*REFUSED, *RULES_REFUSED, "invalid-filter.span", "rules-busy"),
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

    It takes seconds: a gateway tries one at a time, and who comes meanwhile is told to come again.
    """
    back = minutes("since", since, TRIAL_MINUTES, most=LONGEST_TRIAL_MINUTES)
    body, rules = await rules_body(request, services, placed=True)
    try:
        tried = await request.app.state.operating.try_rules(staff.academy, rules, back)
    except BusyError as error:
        raise ApiError("rules-busy", {"Retry-After": str(_BUSY_SECONDS)}, seconds=_BUSY_SECONDS) from error
    sight = Sight(services.reference, staff.academy, services.strict)
    examples = [shown_example(example, sight) for example in tried["examples"]]
    warnings = warning_texts(body, request.headers.get("accept-language"))
    return await large_answer({**tried, "examples": examples, "warnings": warnings}, headers={"Cache-Control": UNKEPT})


@router.get(
    "/history",
    summary="Who changed the ignore rules, when and how",
    response_model=RuleHistoryPage,
    responses={
        200: {"content": {"application/json": {"example": HISTORY_EXAMPLE}}, "headers": PAGE_HEADERS},
        **refusals(*OF_STAFF, "invalid-filter", "unavailable"),
    },
)
async def read_history(request: Request, sight: Seen, page: Paged) -> Response:
    """Changes of the academy's rules by this API and by commands, the newest first, as far as memory holds them."""
    count, changes = await by_kafka(
        request.app.state.rule_history.read(
            sight.academy, limit=page.limit, offset=page.offset, seconds=_HISTORY_SECONDS
        )
    )
    return await page.answer_part(count, [_shown(change, sight) for change in changes])


def shown_example(example: dict[str, Any], sight: Sight) -> dict[str, Any]:
    """A webhook that rules would have ignored (gateway.operating), with its student as staff see it."""
    student = None if example["user_id"] is None else sight.student(example["user_id"])
    return {
        "id": example["webhook"],
        "rule": example["rule"],
        "student": student,
        "event": example["event"],
        "package_slug": example["package_slug"],
    }


def _shown(change: RuleChange, sight: Sight) -> dict[str, Any]:
    who = change.who
    user = None if who.user_id is None else sight.student(who.user_id)
    return {
        "at": iso_instant(datetime.fromtimestamp(change.at / 1000, UTC)),
        "who": {"via": who.via, "user": user, "token": who.token, "name": who.name},
        "before": change.before,
        "after": change.after,
    }
