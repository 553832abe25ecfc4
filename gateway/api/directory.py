"""The directory over HTTP: assets, users, tasks, academies and tokens, put and deleted (docs/directory.md)."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field

from gateway.access import academy_id
from gateway.api.callers import AppServices, Caller
from gateway.api.directory_lines import Line, in_turns, read_lines, read_record
from gateway.api.directory_rights import Writer, known_record, require_write, writer_of
from gateway.api.refusals import OF_ANY_CALLER, refusals
from gateway.api.services import Services, by_kafka, large_answer, read_with, seen
from gateway.errors import ApiError
from gateway.language import preferred_language
from schemas.reference.directory_file import MODELS, record_key
from schemas.reference.lookup import Kind
from schemas.reference.revoking import token_end
from schemas.vocabulary import Language
from schemas.wire.topics import Topics

__all__ = ["router"]

router = APIRouter(prefix="/v1/telemetry/directory", tags=["directory"])

_KINDS: Final = tuple(MODELS)
# For so long lines are judged at once, while others wait.
_SLICE_SECONDS: Final = 0.005
# Records that are sent together, within what a broker has to acknowledge them.
_AT_ONCE: Final = 1_000

_REFUSED: Final = (
    *OF_ANY_CALLER,
    "invalid-academy-id",
    "missing-capability",
    "missing-capability.anywhere",
    "missing-capability.record",
    "not-found.kind",
    "unavailable",
)

_ASSET: Final = {
    "slug": "hello-world",
    "lang": "us",
    "graded": True,
    "academy": 1,
    "translations": {"us": "hello-world", "es": "hola-mundo"},
}
_TOKEN: Final = {"user_id": 7, "academies": {}, "expires_at": "2027-01-01T00:00:00Z"}
_RECORD: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "examples": {
                    "assets": {"summary": "An asset", "value": _ASSET},
                    "users": {"summary": "A user", "value": {"first_name": "Ada", "academies": [1]}},
                    "tasks": {"summary": "A task", "value": {"user_id": 7, "associated_slug": "hello-world"}},
                    "academies": {"summary": "An academy", "value": {"timezone": "America/Bogota"}},
                    "tokens": {"summary": "A token, by its SHA-256 in the address", "value": _TOKEN},
                },
            }
        },
    }
}
_LINES: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"id": 7, "first_name": "Ada", "academies": [1]}\n{"id": 8, "deleted": true}\n',
            }
        },
    }
}
_ANSWER: Final = {
    "written": 1,
    "deleted": 1,
    "refused": 1,
    "results": [
        {"line": 1, "id": "7", "result": "written"},
        {"line": 2, "id": "8", "result": "deleted"},
        {
            "line": 3,
            "id": None,
            "result": "refused",
            "slug": "invalid-directory-record",
            "detail": "The record is not valid: `id` must be an id, not 'x'.",
        },
    ],
}


class LineResult(BaseModel):
    """What became of a line."""

    line: int = Field(description="Counted from 1.")
    id: str | None = Field(description="Of its record, null where it cannot be read.")
    result: str = Field(description="`written`, `deleted` or `refused`.")
    slug: str | None = Field(default=None, description="Of a refused one, the same in every language.")
    detail: str | None = Field(default=None, description="Why, and what to do.")


class LineResults(BaseModel):
    """What became of each line that is not blank."""

    written: int
    deleted: int
    refused: int
    results: list[LineResult]


async def _kind(
    kind: Annotated[str, Path(description="Of records.", json_schema_extra={"enum": [*_KINDS]}, examples=["users"])],
) -> Kind:
    known = next((name for name in _KINDS if name == kind), None)
    if known is None:
        raise ApiError("not-found.kind", kind=kind[:60], known=", ".join(_KINDS))
    return known


async def _writer(
    services: AppServices,
    token: Caller,
    header: Annotated[
        str | None, Header(alias="Academy", description="To write as this academy alone.", examples=["1"])
    ] = None,
    parameter: Annotated[str | None, Query(alias="academy", description="In place of the header.")] = None,
) -> Writer:
    named = header or parameter
    scope = academy_id(named) if named else None
    if named and scope is None:
        raise ApiError("invalid-academy-id")
    return writer_of(token, scope, strict=services.strict)


_Writer = Annotated[Writer, Depends(_writer)]
_Kind = Annotated[Kind, Depends(_kind)]
_Id = Annotated[
    str,
    Path(
        description="Of a token its SHA-256 in lower-case hexadecimal.",
        examples=["7"],
        json_schema_extra={"pattern": "^([0-9]{1,18}|[0-9a-f]{64})$"},
    ),
]


@router.put(
    "/{kind}/{record_id}",
    summary="Put a record of the directory",
    status_code=204,
    responses=refusals(
        *_REFUSED,
        "invalid-directory-record",
        "invalid-directory-record.crowded",
        "json-too-deep",
        "body-too-large",
        "missing-capability.student",
        "missing-capability.others",
        "missing-capability.unknown",
        "missing-capability.expiry",
    ),
    openapi_extra=_RECORD,
)
async def put_record(request: Request, services: AppServices, writer: _Writer, kind: _Kind, record_id: _Id) -> Response:
    """Put it in the place of what is there, whole; the same again changes nothing.

    It is in Kafka when the answer comes, and in force everywhere within two seconds.
    """
    key = _key(kind, record_id)
    value = await read_with(
        request, services.settings.max_body_bytes, lambda body: read_record(kind, key, body.strip())
    )
    require_write(writer, services.reference, kind, key, value)
    await _write(services, kind, [(key, value)])
    return Response(status_code=204)


@router.delete(
    "/{kind}/{record_id}",
    summary="Delete a record of the directory",
    status_code=204,
    responses=refusals(*_REFUSED, "invalid-directory-record"),
)
async def delete_record(services: AppServices, writer: _Writer, kind: _Kind, record_id: _Id) -> Response:
    """Delete it; 204 also where there is none. A token that a sync has seen in the LMS ends although it is there."""
    key = _key(kind, record_id)
    require_write(writer, services.reference, kind, key, None)
    await _write(services, kind, [(key, None)])
    return Response(status_code=204)


@router.post(
    "/{kind}",
    summary="Put and delete many records of the directory",
    response_model=LineResults,
    response_model_exclude_none=True,
    responses={
        200: {"content": {"application/json": {"example": _ANSWER}}},
        **refusals(*_REFUSED, "body-too-large", "too-many-values.lines", "invalid-gzip"),
    },
    openapi_extra=_LINES,
)
async def put_records(request: Request, services: AppServices, writer: _Writer, kind: _Kind) -> Response:
    """A record a line, with its `id`; `"deleted": true` deletes it. At most 10,000 lines.

    Each line is written or refused by itself, in their order, and what became of it is answered when Kafka has all that
    are written. After a 503 some may be: send all of them again.
    """
    lines = await read_with(request, services.settings.max_body_bytes, lambda body: read_lines(kind, body))
    judged = [
        _judged(services, writer, kind, line) async for line in in_turns(lines, _SLICE_SECONDS, time.perf_counter)
    ]
    await _write(services, kind, [(line.key, line.value) for line in judged if line.refused is None])
    language = preferred_language(request.headers.get("accept-language"))
    results = [_result(line, language) async for line in in_turns(judged, _SLICE_SECONDS, time.perf_counter)]
    counts = {name: sum(1 for one in results if one["result"] == name) for name in ("written", "deleted", "refused")}
    return await large_answer({**counts, "results": results})


def _key(kind: Kind, text: str) -> bytes:
    try:
        return record_key(kind, text)
    except ValueError as error:
        raise ApiError("invalid-directory-record", reason=str(error)) from error


def _judged(services: Services, writer: Writer, kind: Kind, line: Line) -> Line:
    if line.refused is not None:
        return line
    try:
        require_write(writer, services.reference, kind, line.key, line.value)
    except ApiError as error:
        return line._replace(refused=error)
    return line


async def _write(services: Services, kind: Kind, records: list[tuple[bytes, bytes | None]]) -> None:
    """Write records with `acks=all`, and wait for a moment until this process's view has the last of them."""
    if not records:
        return
    topics = Topics.of(services.settings)
    topic = {
        "assets": topics.assets,
        "users": topics.users,
        "tasks": topics.tasks,
        "academies": topics.academies,
        "tokens": topics.tokens,
    }[kind]
    key, value = records[-1]
    if kind == "tokens":
        records = [(one, text or token_end(services.reference, one.decode())) for one, text in records]
    for start in range(0, len(records), _AT_ONCE):
        # So many are acknowledged in time by any broker that is well.
        await by_kafka(services.producer.put(topic, records[start : start + _AT_ONCE]))

    def is_in_force() -> bool:
        known = known_record(services.reference, kind, key)
        return (None if known is None else known.value) == value

    await seen(is_in_force)


def _result(line: Line, language: Language) -> dict[str, Any]:
    shown: dict[str, Any] = {"line": line.number, "id": line.key.decode() or None}
    if line.refused is None:
        return {**shown, "result": "deleted" if line.value is None else "written"}
    return {**shown, "result": "refused", "slug": line.refused.slug, "detail": line.refused.text(language)}
