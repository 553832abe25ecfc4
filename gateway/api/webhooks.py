"""The webhook log for academy staff: list, delete one, delete those in error."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from gateway.api.callers import Parts, Staff, staff_with
from gateway.api.parameters import ID_LIST, id_list, words
from gateway.api.refusals import OF_STAFF, refusals
from gateway.api.services import Services, json_answer
from gateway.errors import ApiError
from gateway.joined import joined_later
from gateway.webhook_log import SORTS, Filters, find_ids, places, read_page, status_of
from schemas.staff import DeleteCommand
from schemas.tenancy import CHANGE, READ, reaches
from schemas.webhook import OFFSET_BITS

__all__ = ["router"]

router = APIRouter(prefix="/v1/assignment/academy/learnpack", tags=["webhook log"])

_MAX_LIMIT: Final = 1000
_ERROR: Final = "ERROR"

# Deletions of one answer: each is a record, and all of them are waited for together.
_DELETED_AT_ONCE: Final = 500


class LogStudent(BaseModel):
    """Who a webhook is about."""

    id: int
    first_name: str | None
    last_name: str | None


class LogRow(BaseModel):
    """A webhook and what became of it."""

    id: int
    is_streaming: bool
    event: str
    asset_id: int | None
    learnpack_package_id: int | None
    payload: Any
    status: str
    status_text: str
    student: LogStudent | None
    created_at: str
    updated_at: str


class Log(BaseModel):
    """A page of the log."""

    count: int
    next: str | None
    previous: str | None
    results: list[LogRow]


_EXAMPLE: Final = {
    "count": 1,
    "next": None,
    "previous": None,
    "results": [
        {
            "id": 9012,
            "is_streaming": True,
            "event": "open_step",
            "asset_id": 20,
            "learnpack_package_id": 2000,
            "payload": {"event": "open_step", "user_id": 456, "asset_id": 20, "package_id": 2000},
            "status": "ERROR",
            "status_text": "Impossible to retrive learnpack exercise slug",
            "student": {"id": 456, "first_name": "Grace", "last_name": "Hopper"},
            "created_at": "2026-04-15T10:35:00.000Z",
            "updated_at": "2026-04-15T10:35:01.000Z",
        }
    ],
}

_Ids = Annotated[
    str | None,
    Query(
        description="Numbers, comma-separated.",
        examples=["123,456"],
        json_schema_extra={"pattern": ID_LIST},
    ),
]
_Words = Annotated[str | None, Query(description="Comma-separated.", examples=["batch,open_step"])]


async def _filters(
    *, student: _Ids = None, event: _Words = None, asset_id: _Ids = None, learnpack_package_id: _Ids = None
) -> dict[str, Any]:
    return {
        "students": id_list("student", student),
        "events": words(event),
        "assets": id_list("asset_id", asset_id),
        "packages": id_list("learnpack_package_id", learnpack_package_id),
    }


_Filtered = Annotated[dict[str, Any], Depends(_filters)]
_Reader = Annotated[Staff, Depends(staff_with(READ))]
_Editor = Annotated[Staff, Depends(staff_with(CHANGE))]


@router.get(
    "/webhook",
    summary="List webhooks",
    response_model=Log,
    responses={
        200: {
            "content": {"application/json": {"example": _EXAMPLE}},
            "headers": {
                "Link": {"schema": {"type": "string"}, "description": "The pages around (RFC 8288)."},
                "X-Total-Count": {"schema": {"type": "integer"}, "description": "As `count`."},
            },
        },
        **refusals(*OF_STAFF, "invalid-filter", "invalid-sort", "data-unavailable"),
    },
)
async def list_webhooks(
    request: Request,
    services: Parts,
    staff: _Reader,
    filtered: _Filtered,
    *,
    status: _Words = None,
    limit: Annotated[
        str | None,
        Query(
            description="Rows of a page; more than 1000 count as 1000.",
            examples=["20"],
            json_schema_extra={"pattern": "^([1-9][0-9]{0,17})?$"},
        ),
    ] = None,
    offset: Annotated[
        str | None,
        Query(description="Rows to skip.", examples=["0"], json_schema_extra={"pattern": "^[0-9]{0,18}$"}),
    ] = None,
    sort: Annotated[
        str | None,
        Query(description="Order, `-` for descending.", examples=["-created_at"], json_schema_extra={"enum": [*SORTS]}),
    ] = None,
) -> Response:
    """Webhooks that were sent for this academy or whose student is a member of it, newest first."""
    filters = await _sought(services, staff, filtered, tuple(word.upper() for word in words(status)))
    size = min(_number("limit", limit, 20, least=1), _MAX_LIMIT)
    skipped = _number("offset", offset, 0, least=0)
    order = "-created_at" if sort is None else sort
    if order not in SORTS:
        raise ApiError("invalid-sort", known=", ".join(SORTS))
    page = await read_page(services.clickhouse, filters, sort=order, limit=size, offset=skipped)
    after = _link(request, size, skipped + size) if skipped + size < page.total else None
    before = _link(request, size, max(0, skipped - size)) if skipped else None
    rows = [_row(row, services, staff.academy) for row in page.rows]
    links = ", ".join(f'<{url}>; rel="{name}"' for name, url in (("next", after), ("prev", before)) if url)
    return json_answer(
        {"count": page.total, "next": after, "previous": before, "results": rows},
        headers={"X-Total-Count": str(page.total), **({"Link": links} if links else {})},
    )


@router.delete(
    "/webhook/{webhook_id}",
    summary="Delete a webhook in error",
    status_code=204,
    responses=refusals(*OF_STAFF, "webhook-not-found", "invalid-webhook-status", "worker-timeout", "unavailable"),
)
async def delete_webhook(services: Parts, staff: _Editor, webhook_id: str) -> Response:
    """Take a webhook with the status ERROR out of the log, for good: a replay leaves it out as well."""
    number = int(webhook_id) if webhook_id.isascii() and webhook_id.isdigit() and len(webhook_id) < 19 else None  # noqa: PLR2004
    status = None if number is None else await _status(services, staff, number)
    if number is None or status is None:
        raise ApiError("webhook-not-found", webhook=webhook_id)
    if status != _ERROR:
        raise ApiError("invalid-webhook-status", webhook=webhook_id, status=status)
    await _delete(services, staff, [number])
    return Response(status_code=204)


@router.delete(
    "/webhook",
    summary="Delete all webhooks in error that pass the filters",
    status_code=204,
    responses=refusals(
        *OF_STAFF, "missing-status", "invalid-status", "invalid-filter", "worker-timeout", "unavailable"
    ),
)
async def delete_webhooks(
    services: Parts,
    staff: _Editor,
    filtered: _Filtered,
    status: Annotated[
        str | None, Query(description="Must be `ERROR`.", examples=["ERROR"], json_schema_extra={"enum": ["ERROR"]})
    ] = None,
) -> Response:
    """Take all webhooks with the status ERROR that pass the filters out of the log."""
    if not status:
        raise ApiError("missing-status")
    if status != _ERROR:
        raise ApiError("invalid-status")
    filters = await _sought(services, staff, filtered, (_ERROR,))
    while webhooks := await find_ids(services.clickhouse, filters, _DELETED_AT_ONCE):
        await _delete(services, staff, webhooks)
    return Response(status_code=204)


async def _sought(services: Services, staff: Staff, filtered: dict[str, Any], statuses: tuple[str, ...]) -> Filters:
    joined = await joined_later(
        services.clickhouse,
        staff.academy,
        services.reference.members(staff.academy),
        filtered["students"],
        services.settings.webhook_retention_days,
    )
    return Filters(staff.academy, tuple(joined), statuses=statuses, **filtered)


async def _status(services: Services, staff: Staff, webhook: int) -> str | None:
    members = services.reference.members(staff.academy)
    return await status_of(services.clickhouse, webhook, staff.academy, members)


async def _delete(services: Services, staff: Staff, webhooks: list[int]) -> None:
    # A deletion must come after its webhook in the same partition: there, the higher place wins.
    stands = await places(services.clickhouse, webhooks)
    sent = [
        await services.commands.send(
            DeleteCommand("webhook.delete", webhook),
            staff.token,
            staff.academy,
            partition=stands.get(webhook, webhook) >> OFFSET_BITS,
        )
        for webhook in webhooks
    ]
    await services.commands.results(sent)


def _number(field: str, value: str | None, default: int, *, least: int) -> int:
    if not value:
        return default
    numbers = id_list(field, value)
    if len(numbers) != 1 or numbers[0] < least:
        raise ApiError("invalid-filter", field=field, values=value[:200])
    return numbers[0]


# The token must not appear in an answer, which may be logged or cached.
_REPLACED: Final = frozenset({"limit", "offset", "token"})


def _link(request: Request, limit: int, offset: int) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in _REPLACED]
    query = urlencode([*kept, ("limit", str(limit)), ("offset", str(offset))])
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    return f"{'https' if scheme == 'https' else 'http'}://{request.url.netloc}{request.url.path}?{query}"


def _row(row: dict[str, Any], services: Services, academy: int) -> dict[str, Any]:
    return {
        "id": row["id"],
        "is_streaming": bool(row["is_streaming"]),
        "event": row["event"],
        "asset_id": row["asset_id"],
        "learnpack_package_id": row["learnpack_package_id"],
        "payload": row["payload"],
        "status": row["status"],
        "status_text": row["status_text"],
        "student": _student(row["student_id"], services, academy),
        "created_at": _instant(row["created_at"]),
        "updated_at": _instant(row["updated_at"]),
    }


def _student(number: int | None, services: Services, academy: int) -> dict[str, Any] | None:
    if number is None:
        return None
    user = services.reference.user(number)
    if user is None:
        return None
    # Anybody may send a webhook that names a student to any academy: that must not tell who it is.
    shown = user if reaches((academy,), user, strict=services.strict) else None
    if shown is None:
        return {"id": number, "first_name": None, "last_name": None}
    return {"id": number, "first_name": shown.first_name, "last_name": shown.last_name}


def _instant(value: Any) -> str:
    return f"{value.strftime('%Y-%m-%dT%H:%M:%S')}.{value.microsecond // 1000:03}Z"
