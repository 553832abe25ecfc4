"""An academy's ignore rules: read them, replace them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Request, Response

from broker.rule_changes import RulesChangedError, change_rules
from gateway.api.callers import AppServices, Staff, staff_with
from gateway.api.refusals import OF_STAFF, refusals
from gateway.api.services import Services, by_kafka, json_answer, json_body
from gateway.api.services import seen as seen_by_view
from gateway.errors import ApiError
from gateway.language import preferred_language
from schemas.reference.rule_marks import mark_of
from schemas.reference.rule_warnings import rule_warnings
from schemas.reference.rules import FIELDS, RulesError, validate
from schemas.wire.rule_changes import TOKEN_DIGITS, Changer

__all__ = [
    "RULES_BODY",
    "RULES_REFUSED",
    "not_rules",
    "router",
    "rules_body",
    "store_rules",
    "stored_rules",
    "warning_texts",
]

router = APIRouter(prefix="/v1/assignment/academy/learnpack", tags=["ignore rules"])

_PATH: Final = "/telemetry-webhook-ignore"
# Connections of its own are made, and a transaction begun and ended.
_CHANGE_SECONDS: Final = 5.0
# What a header of an answer may safely hold.
_MOST_WARNINGS: Final = 8
_WARNING: Final[dict[str, Any]] = {
    "Warning": {
        "description": 'What is probably not meant, such as an unknown field: `299 - "…"`, several with commas.',
        "schema": {"type": "string"},
    }
}

_TAG: Final[dict[str, Any]] = {
    "ETag": {
        "description": "Of these rules, for `If-Match` when others are to replace them.",
        "schema": {"type": "string"},
    }
}
_TAGS: Final = re.compile('"([0-9a-f]{24})"')

_LISTS: Final[dict[str, Any]] = {name: {"type": ["array", "null"], "items": {}} for name in FIELDS}
_RULES: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "rules": {"type": ["array", "null"], "items": {"type": "object", "properties": _LISTS}},
        **_LISTS,
    },
}
_EXAMPLE: Final = {"rules": [{"events": ["batch"], "learnpack_package_ids": [13190]}, {"user_ids": [123]}]}
# A request's body of rules as OpenAPI describes it, and what it may be refused for.
RULES_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "content": {"application/json": {"schema": {**_RULES, "type": ["object", "null"]}, "example": _EXAMPLE}}
    }
}
RULES_REFUSED: Final = (
    "invalid-json",
    "json-too-deep",
    "too-many-values",
    "body-too-large",
    "invalid-telemetry-webhook-ignore-body",
    "invalid-telemetry-webhook-ignore-field",
)
_CONTENT: Final[dict[str, Any]] = {"application/json": {"schema": _RULES, "example": _EXAMPLE}}


@router.get(
    _PATH,
    summary="Read the ignore rules",
    responses={200: {"content": _CONTENT, "headers": _TAG}, **refusals(*OF_STAFF)},
)
async def read_rules(
    services: AppServices, staff: Annotated[Staff, Depends(staff_with("read_assignment"))]
) -> Response:
    """The rules in force, `{}` if there are none."""
    rules = stored_rules(services, staff.academy)
    return json_answer(rules, headers=_tagged(rules))


@router.put(
    _PATH,
    summary="Replace the ignore rules",
    responses={
        200: {"content": _CONTENT, "headers": {**_WARNING, **_TAG}},
        **refusals(*OF_STAFF, *RULES_REFUSED, "rules-changed", "unavailable"),
    },
    openapi_extra=RULES_BODY,
)
async def replace_rules(
    request: Request,
    services: AppServices,
    staff: Annotated[Staff, Depends(staff_with("crud_telemetry"))],
    seen: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The `ETag` of the rules that these are to replace; without it, any.",
            examples=['"0b2f77c3a4f14e53a1c6d0f5"'],
        ),
    ] = None,
) -> Response:
    """Check and store the whole object, with the change; the answer is what was stored, and the next GET gives it.

    What was probably not meant is in the header `Warning`.
    """
    body, rules = await rules_body(request, services)
    try:
        await store_rules(services, staff, rules, seen=_mark(seen))
    except RulesChangedError as error:
        raise ApiError("rules-changed", _tagged(error.current)) from error
    return json_answer(rules, headers={**_warning(body, request.headers.get("accept-language")), **_tagged(rules)})


def _tagged(rules: dict[str, Any]) -> dict[str, str]:
    return {"ETag": f'"{mark_of(rules)}"'}


def _mark(if_match: str | None) -> str | None:
    """The mark that a header names, None where any will do; of several, and of what is none of ours, no rules have it.

    What a proxy has compressed it calls weak, and the rules are the same.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    tags = _TAGS.findall(if_match)
    return tags[0] if len(tags) == 1 else ""


async def store_rules(services: Services, staff: Staff, rules: dict[str, Any], *, seen: str | None = None) -> None:
    """Put what `schemas.reference.rules.validate` gave in force for an academy, and wait for a moment until it is.

    Who has done it is kept with them. `seen` is the mark of the rules that these are to replace, None for whichever.
    Raises RulesChangedError where others are in force, and ApiError 503 where Kafka does not take both.
    """
    await by_kafka(
        change_rules(services.settings, staff.academy, rules, _who(staff), seen=seen, seconds=_CHANGE_SECONDS)
    )
    await seen_by_view(lambda: stored_rules(services, staff.academy) == rules)


async def rules_body(request: Request, services: Services, *, placed: bool = False) -> tuple[Any, dict[str, Any]]:
    """A request's body, and the rules that it holds; raises ApiError for what holds none.

    With `placed` the refusal says in which rule a field is wrong; the LMS names the field alone.
    """
    try:
        body = await json_body(request, services.settings.max_body_bytes)
        return body, validate(body)
    except RulesError as error:
        raise not_rules(error, placed=placed) from error


def not_rules(error: RulesError, *, placed: bool) -> ApiError:
    """The refusal of what are no rules; with `placed` it says in which rule a field is wrong."""
    values = {**error.values, "field": error.place} if placed and error.place else error.values
    return ApiError(error.slug, {}, **values)


def warning_texts(body: Any, accept_language: str | None) -> list[str]:
    """What is probably not meant in a body of rules, in the caller's language."""
    language = preferred_language(accept_language)
    return [warning.text(language) for warning in rule_warnings(body)[:_MOST_WARNINGS]]


def _warning(body: Any, accept_language: str | None) -> dict[str, str]:
    texts = warning_texts(body, accept_language)
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    value = ", ".join(f'299 - "{text}"' for text in quoted)
    return {"Warning": value} if value else {}


def _who(staff: Staff) -> Changer:
    token = staff.token
    return Changer(via="api", user_id=token.user_id, token=token.sha256[:TOKEN_DIGITS] or None, name=token.label)


def stored_rules(services: Services, academy: int) -> dict[str, Any]:
    """The rules in force in an academy, `{}` if there are none."""
    rules = services.reference.rules(academy)
    return {} if rules is None else rules.stored
