"""An academy's ignore rules: read them, replace them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from broker.rule_changes import change_rules
from gateway.api.callers import AppServices, Staff, staff_with
from gateway.api.refusals import OF_STAFF, refusals
from gateway.api.services import Services, by_kafka, json_answer, json_body, seen
from gateway.errors import ApiError
from gateway.language import preferred_language
from schemas.reference.rule_warnings import rule_warnings
from schemas.reference.rules import FIELDS, RulesError, validate
from schemas.wire.rule_changes import TOKEN_DIGITS, Changer

__all__ = ["RULES_BODY", "RULES_REFUSED", "router", "rules_body", "store_rules", "stored_rules", "warning_texts"]

router = APIRouter(prefix="/v1/assignment/academy/learnpack", tags=["ignore rules"])

_PATH: Final = "/telemetry-webhook-ignore"
# A connection of its own is made, and a transaction begun and ended.
_CHANGE_SECONDS: Final = 5.0
# What a header of an answer may safely hold.
_MOST_WARNINGS: Final = 8
_WARNING: Final[dict[str, Any]] = {
    "Warning": {
        "description": 'What is probably not meant, such as an unknown field: `299 - "…"`, several with commas.',
        "schema": {"type": "string"},
    }
}

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


@router.get(_PATH, summary="Read the ignore rules", responses={200: {"content": _CONTENT}, **refusals(*OF_STAFF)})
async def read_rules(
    services: AppServices, staff: Annotated[Staff, Depends(staff_with("read_assignment"))]
) -> Response:
    """The rules in force, `{}` if there are none."""
    return json_answer(stored_rules(services, staff.academy))


@router.put(
    _PATH,
    summary="Replace the ignore rules",
    responses={
        200: {"content": _CONTENT, "headers": _WARNING},
        **refusals(*OF_STAFF, *RULES_REFUSED, "unavailable"),
    },
    openapi_extra=RULES_BODY,
)
async def replace_rules(
    request: Request, services: AppServices, staff: Annotated[Staff, Depends(staff_with("crud_telemetry"))]
) -> Response:
    """Check and store the whole object, with the change; the answer is what was stored, and the next GET gives it.

    What was probably not meant is in the header `Warning`.
    """
    body, rules = await rules_body(request, services)
    await store_rules(services, staff, rules)
    return json_answer(rules, headers=_warning(body, request.headers.get("accept-language")))


async def store_rules(services: Services, staff: Staff, rules: dict[str, Any]) -> None:
    """Put what `schemas.reference.rules.validate` gave in force for an academy, and wait for a moment until it is.

    Who has done it is kept with them. Raises ApiError 503 where Kafka does not take both.
    """
    before = stored_rules(services, staff.academy)
    await by_kafka(change_rules(services.settings, staff.academy, before, rules, _who(staff), seconds=_CHANGE_SECONDS))
    await seen(lambda: stored_rules(services, staff.academy) == rules)


async def rules_body(request: Request, services: Services) -> tuple[Any, dict[str, Any]]:
    """A request's body, and the rules that it holds; raises ApiError for what holds none."""
    try:
        body = await json_body(request, services.settings.max_body_bytes)
        return body, validate(body)
    except RulesError as error:
        raise ApiError(error.slug, {}, **error.values) from error


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
