"""The log of webhooks, as it grows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gateway.api.parameters import id_list, utc_day, words
from gateway.console.lists import MOST_EXPORTED, as_csv, filled, listed, log_call
from gateway.console.overview import VERDICTS
from gateway.console.page import PREFIX, render
from gateway.console.routes import Place, showing, to_page
from gateway.console.tutorials import tutorial_address
from gateway.reading.days_kept import log_days
from gateway.reading.joined import joined_later
from gateway.reading.shown import iso_instant
from gateway.reading.webhook_log import Filters, place_of, read_page
from schemas.coercion import digits_as_id
from schemas.reference.tenancy import READ
from schemas.vocabulary import EVENTS, STATUSES

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gateway.console.visitor import Visitor

__all__ = ["PLACE", "ROUTES"]

_FILTERS: Final = ("student", "event", "status", "verdict", "day", "asset_id")
_NEWEST: Final = "-created_at"
_AT_ONCE: Final = 1_000
# What was refused or ignored may name tutorials that there are not.
_OF_TUTORIALS: Final = ("stored", "duplicate", "stale")
_COLUMNS: Final = (
    "id",
    "created_at",
    "event",
    "status",
    "status_text",
    "student_id",
    "student",
    "asset_id",
    "package_slug",
    "verdict",
)


async def _sought(visitor: Visitor, filters: dict[str, str]) -> Filters:
    services, students = visitor.console.services, id_list("student", filters.get("student"))
    joined = await joined_later(
        services.questions,
        visitor.academy,
        services.reference.members(visitor.academy),
        students,
        await log_days(services.questions, services.settings),
    )
    return Filters(
        visitor.academy,
        tuple(joined),
        students=students,
        verdicts=words(filters.get("verdict")),
        day=utc_day("day", filters["day"]) if "day" in filters else None,
        events=words(filters.get("event")),
        assets=id_list("asset_id", filters.get("asset_id")),
        statuses=tuple(word.upper() for word in words(filters.get("status"))),
    )


def _row(visitor: Visitor, row: dict[str, Any]) -> dict[str, Any]:
    number, tutorial = row["student_id"], visitor.sight.own_tutorial(row["shown_package"])
    known = None if number is None else visitor.sight.student(number)
    return {
        **row,
        "tutorial": tutorial_address(tutorial) if tutorial and row["verdict"] in _OF_TUTORIALS else None,
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
    questions = visitor.console.services.questions
    found = await read_page(questions, sought, sort=_NEWEST, limit=page.limit, offset=page.offset)
    return await render(
        request,
        "webhooks.html",
        visitor.view,
        visitor.formats,
        visitor=visitor,
        filters=filters,
        events=sorted(EVENTS),
        statuses=STATUSES,
        verdicts=VERDICTS,
        rows=[_row(visitor, row) for row in found.rows],
        count=found.total,
        page=page,
        days=await log_days(questions, visitor.console.services.settings),
        call=log_call(
            request,
            visitor.academy,
            {name: visitor.copied_id(value) if name == "student" else value for name, value in filters.items()}
            | {"limit": str(page.limit)},
        ),
        queries=(visitor.sql.webhooks(sought, page.limit, page.offset),),
    )


async def _export(request: Request, visitor: Visitor) -> Response:
    filters = filled(request, _FILTERS)
    sought = await _sought(visitor, filters)
    rows: list[dict[str, Any]] = []
    while len(rows) < MOST_EXPORTED:
        found = await read_page(visitor.console.services.questions, sought, sort=_NEWEST, limit=_AT_ONCE, offset=0)
        rows += [_row(visitor, row) for row in found.rows]
        if not found.rows or len(found.rows) >= found.total:
            break
        # Others come meanwhile: counted from the newest one, each page would begin with rows of the one before.
        sought = replace(sought, bound=place_of(found.rows[-1]))
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
                row["shown_text"] if named else None,
                row["student_id"] if named else None,
                row["name"],
                row["asset_id"],
                row["shown_package"],
                row["verdict"],
            )
            for row in rows
        ),
    )


PLACE: Final = Place("nav.webhooks", f"{PREFIX}/webhooks", READ)
ROUTES: Final = [showing("/webhooks", READ, _show), showing("/webhooks.csv", READ, _export)]
