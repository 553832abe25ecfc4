"""The webhook log for academy staff: list, delete one, delete those in error."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from gateway.api.callers import AppServices, Staff, staff_with
from gateway.api.pages import address_of, around, number, page_address
from gateway.api.parameters import Ids, Words, id_list, utc_day, words
from gateway.api.refusals import OF_STAFF, refusals
from gateway.api.services import Services, large_answer
from gateway.api.webhook_rows import EXAMPLE, Log, LogRow, shown_row
from gateway.errors import ApiError
from gateway.reading.days_kept import log_days
from gateway.reading.joined import joined_later
from gateway.reading.webhook_log import SORTS, Filters, add_payloads, find_ids, places, read_page, read_row, status_of
from schemas.coercion import digits_as_id
from schemas.reference.tenancy import CHANGE, READ
from schemas.wire.place import split_place
from schemas.wire.staff import DeleteCommand

__all__ = ["router"]

router = APIRouter(prefix="/v1/assignment/academy/learnpack", tags=["webhook log"])

_MAX_LIMIT: Final = 1000
_ERROR: Final = "ERROR"

# Deletions of one answer: each is a record, and all of them are waited for together.
_DELETED_AT_ONCE: Final = 500


async def _filters(
    *, student: Ids = None, event: Words = None, asset_id: Ids = None, learnpack_package_id: Ids = None
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
            "content": {"application/json": {"example": EXAMPLE}},
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
    services: AppServices,
    staff: _Reader,
    filtered: _Filtered,
    *,
    status: Words = None,
    verdict: Annotated[
        str | None,
        Query(description="As the ledger has them, comma-separated.", examples=["error,dead"]),
    ] = None,
    day: Annotated[
        str | None,
        Query(description="UTC day of arrival.", examples=["2026-04-15"], json_schema_extra={"format": "date"}),
    ] = None,
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
    """Webhooks that were sent for this academy or whose student is a member of it, newest first.

    A page ends early where its payloads are too much for one answer: follow `next`. A payload of more than 1 MiB is
    `{"truncated": {"bytes", "beginning", "url"}}` and its parameters; the whole is at `url`.
    """
    narrowed = {"verdicts": words(verdict), "day": None if day is None else utc_day("day", day)}
    filters = await _sought(services, staff, filtered | narrowed, tuple(word.upper() for word in words(status)))
    size = min(number("limit", limit, 20, least=1), _MAX_LIMIT)
    skipped = number("offset", offset, 0, least=0)
    order = "-created_at" if sort is None else sort
    if order not in SORTS:
        raise ApiError("invalid-sort", known=", ".join(SORTS))

    def address(webhook: int) -> str:
        return f"{address_of(request, request.url.path)}/{webhook}?academy={staff.academy}"

    page = await read_page(services.clickhouse, filters, sort=order, limit=size, offset=skipped)
    end = skipped + len(page.rows)
    after = page_address(request, limit=size, offset=end) if page.rows and end < page.total else None
    before = page_address(request, limit=size, offset=page.before) if page.before is not None else None
    async with services.clickhouse.room(page.bytes):
        await add_payloads(services.clickhouse, page, address, redact=services.settings.redacted_keys)
        rows = [shown_row(row, services, staff.academy) for row in page.rows]
        return await large_answer(
            {"count": page.total, "next": after, "previous": before, "results": rows},
            headers={"X-Total-Count": str(page.total), **around(after, before)},
        )


@router.get(
    "/webhook/{webhook_id}",
    summary="One webhook, whole",
    response_model=LogRow,
    responses={
        200: {"content": {"application/json": {"example": EXAMPLE["results"][0]}}},
        **refusals(*OF_STAFF, "webhook-not-found", "data-unavailable"),
    },
)
async def read_webhook(services: AppServices, staff: _Reader, webhook_id: str) -> Response:
    """A row of the log with its whole payload, however long that is."""
    number = digits_as_id(webhook_id)
    if number is None or await _status(services, staff, number) is None:
        raise ApiError("webhook-not-found", webhook=webhook_id)
    page = await read_row(services.clickhouse, number)
    if not page.rows:
        raise ApiError("webhook-not-found", webhook=webhook_id)
    async with services.clickhouse.room(page.bytes):
        await add_payloads(services.clickhouse, page, redact=services.settings.redacted_keys)
        return await large_answer(shown_row(page.rows[0], services, staff.academy))


@router.delete(
    "/webhook/{webhook_id}",
    summary="Delete a webhook in error",
    status_code=204,
    responses=refusals(*OF_STAFF, "webhook-not-found", "invalid-webhook-status", "worker-timeout", "unavailable"),
)
async def delete_webhook(services: AppServices, staff: _Editor, webhook_id: str) -> Response:
    """Take a webhook with the status ERROR out of the log, for good: a replay leaves it out as well."""
    number = digits_as_id(webhook_id)
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
    services: AppServices,
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
        await log_days(services.questions, services.settings),
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
            partition=split_place(stands.get(webhook, webhook))[0],
        )
        for webhook in webhooks
    ]
    await services.commands.results(sent)
