"""Routes for operators: the whole system on one page, and what could not be processed."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from gateway.api.callers import AppServices, Caller
from gateway.api.refusals import OF_ANY_CALLER, refusals
from gateway.api.services import by_kafka, json_body, large_answer
from gateway.errors import ApiError
from gateway.in_time import in_time
from gateway.insights import operation_answers as answers
from gateway.insights import system_answers
from gateway.insights.callers import PAGE_HEADERS, UNKEPT, Paged
from gateway.insights.letters import (
    STATES,
    LetterFilters,
    find_groups,
    find_ids,
    find_letter,
    find_letters,
    judged,
    outcome_of,
    patched_letter,
)
from gateway.insights.selection import PATCH, SELECTION, selected
from gateway.operating import OPERATE, Resolved
from schemas.coercion import digits_as_id
from schemas.json_patch import PatchError
from schemas.reference.directory import Token

__all__ = ["router"]

router = APIRouter(prefix="/v1/telemetry", tags=["operations"])

_REFUSED: Final = (
    *OF_ANY_CALLER,
    "missing-capability.anywhere",
    "data-unavailable",
    "too-many-questions",
    "system-silent",
)
_DOES_NOT_WAIT: Final = "it does not wait, or does not pass the other filters."
_SHOWN: Final = 20
_MOST_BODY_BYTES: Final = 64 << 10


async def _operator(token: Caller) -> Token:
    if not token.academies_with(OPERATE):
        raise ApiError("missing-capability.anywhere", capability=OPERATE)
    return token


# A caller who may see and mend the whole system.
_Operator = Annotated[Token, Depends(_operator)]

_Word = Annotated[str | None, Query(description="Exactly this one.", examples=["learnpack.webhooks.raw"])]


def _described(example: Any, *slugs: str, **more: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": example}}, **more}, **refusals(*_REFUSED, *slugs)}


@router.get(
    "/operations",
    summary="The whole system on one page",
    response_model=system_answers.Operations,
    responses=_described(system_answers.OPERATIONS_EXAMPLE),
)
async def read_operations(request: Request, _: _Operator) -> Response:
    """Parts, lag, rows and restarts as `learnpack-telemetry status --json` has them, generations, and the spools."""
    return await large_answer(await in_time(request.app.state.system.asked()), headers={"Cache-Control": UNKEPT})


@router.get(
    "/dead-letters",
    summary="What could not be processed",
    response_model=answers.Letters,
    responses=_described(answers.LETTERS_EXAMPLE, "invalid-filter", "invalid-state", headers=PAGE_HEADERS),
)
async def list_letters(
    services: AppServices,
    _: _Operator,
    page: Paged,
    *,
    state: Annotated[
        str | None,
        Query(
            description="What became of them (waiting).", examples=["waiting"], json_schema_extra={"enum": [*STATES]}
        ),
    ] = None,
    topic: _Word = None,
    stage: _Word = None,
    reason: Annotated[str | None, Query(description="A part of the reason.", examples=["not JSON"])] = None,
) -> Response:
    """Dead letters, the newest first, with the groups of those that failed alike, the largest first."""
    if state is not None and state not in STATES:
        raise ApiError("invalid-state", known=", ".join(STATES))
    filters = LetterFilters(state or "waiting", topic or "", stage or "", reason or "")
    (count, shown), groups = await in_time(
        asyncio.gather(
            find_letters(services.questions, filters, limit=page.limit, offset=page.offset),
            find_groups(services.questions, filters),
        )
    )
    return await page.answer_part(count, shown, groups=groups)


@router.get(
    "/dead-letters/{letter_id}",
    summary="One dead letter with its value",
    response_model=answers.WholeLetter,
    responses=_described(answers.LETTER_EXAMPLE, "letter-not-found"),
)
async def read_letter(services: AppServices, _: _Operator, letter_id: str) -> Response:
    """Where the record came from, why it failed, and the record as it was; of a long value the first mebibyte."""
    return await large_answer(await _letter(services, letter_id), headers={"Cache-Control": UNKEPT})


@router.delete(
    "/dead-letters/{letter_id}",
    summary="Give a dead letter up",
    status_code=204,
    responses=refusals(*_REFUSED, "letter-not-found", "letter-left", "unavailable"),
)
async def drop_letter(request: Request, services: AppServices, _: _Operator, letter_id: str) -> Response:
    """It stays in the table, marked; nothing is sent."""
    letter = await _letter(services, letter_id)
    done: Resolved = await in_time(by_kafka(request.app.state.operating.drop([letter["id"]])))
    for number, reason in done.left.items():
        raise ApiError("letter-left", letter=number, reason=reason)
    return Response(status_code=204)


@router.patch(
    "/dead-letters/{letter_id}",
    summary="Change a webhook that is a dead letter, and send it again",
    response_model=answers.Changed,
    responses=_described(
        answers.CHANGED_EXAMPLE,
        "invalid-json",
        "json-too-deep",
        "too-many-values",
        "body-too-large",
        "invalid-patch",
        "invalid-selection.flag",
        "letter-not-found",
        "letter-left",
        "unavailable",
    ),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json-patch+json": PATCH}}},
)
async def change_letter(
    request: Request,
    services: AppServices,
    _: _Operator,
    letter_id: str,
    preview: Annotated[
        str | None,
        Query(
            description="`false` to send it (true).", examples=["true"], json_schema_extra={"enum": ["true", "false"]}
        ),
    ] = None,
) -> Response:
    """A JSON Patch (RFC 6902) of its value: first it is only shown, and with `preview=false` sent, with its id.

    What is shown has with it what the worker would make of it. It stays the same student's. Of a value that is no JSON
    only the whole can be replaced.
    """
    if preview not in {None, "true", "false"}:
        raise ApiError("invalid-selection.flag", field="preview")
    patch = await json_body(request, services.settings.max_body_bytes)
    letter = await _letter(services, letter_id)
    if letter["truncated"]:
        raise ApiError("letter-left", letter=letter["id"], reason="it is too long to be changed here.")
    try:
        value = await patched_letter(letter, patch)
    except PatchError as error:
        raise ApiError("invalid-patch", reason=str(error)) from error
    if preview != "false":
        would_be = await judged(services, request.app.state.operating, letter, value)
        outcome = None if would_be is None else outcome_of(would_be)
        return await large_answer({"preview": True, "count": 1, "value": value, "outcome": outcome})
    done: Resolved = await in_time(by_kafka(request.app.state.operating.change(letter["id"], patch)))
    for number, reason in done.left.items():
        raise ApiError("letter-left", letter=number, reason=reason)
    return await large_answer({"preview": False, "count": done.count, "value": value, "outcome": None})


@router.post(
    "/dead-letters/retry",
    summary="Send dead letters again",
    response_model=answers.Retried,
    responses=_described(answers.RETRIED_EXAMPLE, "invalid-json", "invalid-body", "invalid-selection", "unavailable"),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": SELECTION}}},
)
async def retry_letters(request: Request, services: AppServices, _: _Operator) -> Response:
    """Those that wait and pass all filters, the oldest first, at most 1,000; a webhook keeps its id.

    Nothing is sent unless `preview` is false: the answer says how many would be, and shows the newest of them. None is
    sent twice: of those that do not wait any more, and of those that had no turn within five seconds, `left` says so.
    """
    filters, preview = selected(await json_body(request, _MOST_BODY_BYTES))
    if preview:
        count, shown = await in_time(find_letters(services.questions, filters, limit=_SHOWN, offset=0))
        return await large_answer({"preview": True, "count": count, "left": {}, "results": shown})
    chosen = await in_time(find_ids(services.questions, filters))
    retry = request.app.state.operating.retry
    done: Resolved = await in_time(by_kafka(retry(chosen))) if chosen else Resolved(0, {})
    # Whoever names letters is told of each.
    others = dict.fromkeys(set(filters.ids) - set(chosen), _DOES_NOT_WAIT)
    left = {str(number): reason for number, reason in sorted({**others, **done.left}.items())}
    return await large_answer({"preview": False, "count": done.count, "left": left, "results": []})


async def _letter(services: AppServices, text: str) -> dict[str, Any]:
    number = digits_as_id(text)
    redact = services.settings.redacted_keys
    letter = None if number is None else await in_time(find_letter(services.questions, number, redact))
    if letter is None:
        raise ApiError("letter-not-found", letter=text[:200])
    return letter
