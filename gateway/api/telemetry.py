"""What staff set of one student's telemetry."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, RootModel

from gateway.api.callers import AppServices, Staff, staff_with
from gateway.api.refusals import OF_STAFF, Refusal, refusals
from gateway.api.services import Services, json_answer, json_body, large_answer
from gateway.commands import until
from gateway.errors import ApiError
from gateway.language import preferred_language
from gateway.messages import FIELD_ERRORS
from gateway.reading.documents import StoredDocument, find_documents, read_texts
from schemas.coercion import digits_as_id
from schemas.reference.tenancy import CHANGE, may_change
from schemas.wire.staff import FIELDS, TelemetryCommand, format_duration, validate_fields
from schemas.wire.webhook import normal_user_id

__all__ = ["router"]

router = APIRouter(prefix="/v1/assignment/academy", tags=["student telemetry"])

_PATH: Final = "/asset/{asset_slug}/user/{user_id}/telemetry"

_EXAMPLE: Final = {
    "telemetry": {"event": "batch", "step": 3, "interactions": 21},
    "engagement_score": 82.5,
    "frustration_score": 14.2,
    "metrics_algo_version": 1.2,
    "metrics": {"global": {"metrics": {"total_time_on_platform": 1800, "completion_rate": 67.5}}},
    "total_time": "00:30:00",
    "completion_rate": 67.5,
}
_NUMBER: Final[dict[str, Any]] = {
    "type": ["number", "string", "null"],
    "minimum": -1e300,
    "maximum": 1e300,
    "pattern": r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$",
}
_DURATION: Final[dict[str, Any]] = {
    "type": ["string", "number", "null"],
    "minimum": -86_400_000_000,
    "maximum": 86_400_000_000,
    "pattern": r"^-?([0-9]{1,5} )?([0-9]{1,5}:)?([0-9]{1,5}:)?[0-9]{1,9}(\.[0-9]{1,6})?$|^-?P[0-9]{1,5}D$",
    "description": "`[-][D ]HH:MM:SS[.ffffff]`, seconds, or an ISO 8601 duration.",
}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {
                    "type": ["object", "null"],
                    "properties": {
                        "telemetry": {"type": ["object", "null"]},
                        "engagement_score": _NUMBER,
                        "frustration_score": _NUMBER,
                        "metrics_algo_version": _NUMBER,
                        "metrics": {"type": ["object", "null"]},
                        "total_time": _DURATION,
                        "completion_rate": _NUMBER,
                    },
                },
                "example": _EXAMPLE,
            }
        }
    }
}


class Telemetry(BaseModel):
    """All fields of one student's telemetry."""

    id: int
    telemetry: dict[str, Any] | None
    engagement_score: float | None
    frustration_score: float | None
    metrics_algo_version: float | None
    metrics: dict[str, Any] | None
    total_time: str | None
    completion_rate: float | None


class FieldErrors(RootModel[dict[str, list[str]]]):
    """What is wrong with which field."""


_Editor = Annotated[Staff, Depends(staff_with(CHANGE))]
_DONE: Final[dict[str, Any]] = {
    "model": Telemetry,
    "content": {"application/json": {"example": {"id": 4512, **_EXAMPLE}}},
}
_SLUGS: Final = (
    *OF_STAFF,
    "invalid-body",
    "invalid-json",
    "json-too-deep",
    "too-many-values",
    "body-too-large",
    "user-not-found",
    "worker-timeout",
    "unavailable",
)


def _refused(*more: str) -> dict[int | str, dict[str, Any]]:
    described = refusals(*_SLUGS, *more)
    described[400]["model"] = Refusal | FieldErrors
    described[400]["content"]["application/json"]["examples"]["field"] = {
        "value": {"engagement_score": ["A valid number is required."]}
    }
    return described


@router.post(
    _PATH,
    summary="Set fields of a student's telemetry",
    responses={200: _DONE, 201: {**_DONE, "description": "It was created."}, **_refused()},
    openapi_extra=_BODY,
)
async def upsert_telemetry(
    request: Request, services: AppServices, staff: _Editor, asset_slug: str, user_id: str
) -> Response:
    """Set the fields that are sent, creating what is missing; the slug is taken literally, nothing is recomputed."""
    return await _set("telemetry.upsert", request, services, staff, asset_slug=asset_slug, user_id=user_id)


@router.put(
    _PATH,
    summary="Change fields of a student's telemetry",
    responses={200: _DONE, **_refused("telemetry-not-found")},
    openapi_extra=_BODY,
)
async def update_telemetry(
    request: Request, services: AppServices, staff: _Editor, asset_slug: str, user_id: str
) -> Response:
    """Set the fields that are sent where there is telemetry already."""
    return await _set("telemetry.update", request, services, staff, asset_slug=asset_slug, user_id=user_id)


async def _set(
    name: Literal["telemetry.upsert", "telemetry.update"],
    request: Request,
    services: Services,
    staff: Staff,
    *,
    asset_slug: str,
    user_id: str,
) -> Response:
    body = await json_body(request, services.settings.max_body_bytes)
    if body is not None and type(body) is not dict:
        raise ApiError("invalid-body")
    user = _user(services, staff, user_id)
    fields, errors = validate_fields(body or {})
    if errors:
        return json_answer(_translated(errors, request), status=400)
    command = TelemetryCommand(name, user, asset_slug, fields, staff.academy)
    place = await services.commands.send(command, staff.token, staff.academy)
    (result,) = await services.commands.results([place])
    status = result["status"]
    if status in ("user-not-found", "telemetry-not-found"):
        raise ApiError(status, user=user_id, asset=asset_slug)

    async def written() -> StoredDocument | None:
        documents = await find_documents(services.clickhouse, [user], [asset_slug])
        if not documents or documents[0].scores_version < place:
            return None
        return None if "telemetry" in fields and documents[0].document_version < place else documents[0]

    stored = await until(written)
    shown = {field: result.get(field) for field in FIELDS}
    shown["total_time"] = format_duration(result.get("total_time"))
    async with services.clickhouse.room(stored.bytes):
        (shown["telemetry"],) = await read_texts(services.clickhouse, [stored])
        return await large_answer({"id": result["id"], **shown}, status=201 if status == "created" else 200)


def _user(services: Services, staff: Staff, user_id: str) -> str:
    user = normal_user_id(user_id)
    number = digits_as_id(user)
    if user is None or number is None:
        raise ApiError("user-not-found", user=user_id)
    if not may_change(staff.academy, services.reference.user(number), strict=services.strict):
        # Somebody else's student: to this academy, nobody.
        raise ApiError("user-not-found", user=user_id)
    return user


def _translated(errors: dict[str, list[str]], request: Request) -> dict[str, list[str]]:
    if preferred_language(request.headers.get("accept-language")) == "en":
        return errors
    return {field: [FIELD_ERRORS[text] for text in texts] for field, texts in errors.items()}
