"""The log of webhooks, as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.api.parameters import id_list, words
from gateway.console.lists import MOST_EXPORTED, as_csv, filled, listed, log_call
from gateway.console.page import PREFIX, render
from gateway.console.queries import WEBHOOKS
from gateway.console.routes import Place, showing, to_page
from gateway.reading.joined import joined_later
from gateway.reading.shown import iso_instant, shown_student
from gateway.reading.webhook_log import Filters, read_page
from schemas.coercion import digits_as_id
from schemas.reference.tenancy import READ
from schemas.vocabulary import EVENTS, STATUSES

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor

__all__ = ["PLACE", "ROUTES"]

_FILTERS: Final = ("student", "event", "status", "asset_id")
_NEWEST: Final = "-created_at"
_AT_ONCE: Final = 1_000
_COLUMNS: Final = ("id", "created_at", "event", "status", "status_text", "student_id", "student", "asset_id")


async def _sought(visitor: Visitor, filters: dict[str, str]) -> Filters:
    services, students = visitor.console.services, id_list("student", filters.get("student"))
    joined = await joined_later(
        services.clickhouse,
        visitor.academy,
        services.reference.members(visitor.academy),
        students,
        services.settings.webhook_retention_days,
    )
    return Filters(
        visitor.academy,
        tuple(joined),
        students=students,
        events=words(filters.get("event")),
        assets=id_list("asset_id", filters.get("asset_id")),
        statuses=tuple(word.upper() for word in words(filters.get("status"))),
    )


def _row(visitor: Visitor, row: dict[str, Any]) -> dict[str, Any]:
    services, number = visitor.console.services, row["student_id"]
    known = None
    if number is not None:
        known = shown_student(services.reference, number, visitor.academy, strict=services.strict)
        known = known or {"id": number, "first_name": None, "last_name": None}
    return {
        **row,
        "created": iso_instant(row["created_at"]),
        "name": None if known is None else visitor.name(known),
        "reached": number is not None and visitor.sight.sees(number),
    }


async def _show(request: Request, visitor: Visitor) -> Response:
    if (number := digits_as_id(request.query_params.get("id", "").strip())) is not None:
        return to_page(f"/webhooks/{number}")
    filters = filled(request, _FILTERS)
    page = listed(request, filters)
    sought = await _sought(visitor, filters)
    clickhouse = visitor.console.services.clickhouse
    found = await read_page(clickhouse, sought, sort=_NEWEST, limit=page.limit, offset=page.offset)
    return await render(
        request,
        "webhooks.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        filters=filters,
        events=sorted(EVENTS),
        statuses=STATUSES,
        rows=[_row(visitor, row) for row in found.rows],
        count=found.total,
        page=page,
        days=visitor.console.services.settings.webhook_retention_days,
        call=log_call(request, visitor.academy, filters),
        queries=(WEBHOOKS.replace("has(academy_ids, 1)", f"has(academy_ids, {visitor.academy})"),),
    )


async def _export(request: Request, visitor: Visitor) -> Response:
    filters = filled(request, _FILTERS)
    sought = await _sought(visitor, filters)
    rows: list[dict[str, Any]] = []
    while len(rows) < MOST_EXPORTED:
        found = await read_page(
            visitor.console.services.clickhouse, sought, sort=_NEWEST, limit=_AT_ONCE, offset=len(rows)
        )
        rows += [_row(visitor, row) for row in found.rows]
        if not found.rows or len(rows) >= found.total:
            break
    named = visitor.view.names
    return as_csv(
        "webhooks",
        _COLUMNS,
        (
            (
                row["id"],
                row["created"],
                row["shown_event"],
                row["status"],
                row["shown_text"],
                row["student_id"] if named else None,
                row["name"],
                row["asset_id"],
            )
            for row in rows
        ),
    )


PLACE: Final = Place("nav.webhooks", f"{PREFIX}/webhooks", READ)
ROUTES: Final = [showing("/webhooks", READ, _show), showing("/webhooks.csv", READ, _export)]
