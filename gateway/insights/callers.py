"""Parameters and answers that all routes of insights have in common."""

from __future__ import annotations

import asyncio
import re
from copy import copy
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Any, Final

import orjson
from fastapi import Depends, Query, Request, Response

from gateway.api.callers import AppServices, Staff, staff_with
from gateway.api.pages import around, number, page_address
from gateway.api.parameters import utc_day
from gateway.api.refusals import OF_STAFF
from gateway.api.services import large_answer
from gateway.errors import ApiError
from gateway.insights.days import DaySpan
from gateway.insights.sight import Sight
from schemas.reference.tenancy import READ

__all__ = [
    "DATED",
    "PAGE_HEADERS",
    "REFUSED",
    "UNKEPT",
    "Days",
    "Number",
    "Page",
    "Paged",
    "Seen",
    "Span",
    "bounded",
    "dated_answer",
    "minutes",
]

# What each route may be refused with.
REFUSED: Final = (*OF_STAFF, "data-unavailable", "too-many-questions")

_MOST_ROWS: Final = 1000
_ROWS: Final = 50
_SHOWN: Final = 200
_DAYS: Final = 90

# What is about students of the moment is in no cache.
UNKEPT: Final = "private, no-store"

PAGE_HEADERS: Final[dict[str, Any]] = {
    "Link": {"schema": {"type": "string"}, "description": "The pages around (RFC 8288)."},
    "X-Total-Count": {"schema": {"type": "integer"}, "description": "As `count`."},
}

_SPAN: Final = re.compile("([1-9][0-9]{0,3})([mhd])")
_MINUTES: Final = {"m": 1, "h": 60, "d": 24 * 60}

_Limit = Annotated[
    str | None,
    Query(
        description=f"Rows of a page ({_ROWS}); more than {_MOST_ROWS} count as {_MOST_ROWS}.",
        examples=["50"],
        json_schema_extra={"pattern": "^([1-9][0-9]{0,17})?$"},
    ),
]
_Offset = Annotated[
    str | None, Query(description="Rows to skip.", examples=["0"], json_schema_extra={"pattern": "^[0-9]{0,18}$"})
]


def Number(description: str, example: str, *, least: int = 0) -> Any:  # noqa: N802 - reads as the type that it describes
    """A query parameter of digits, from 0 or 1 on."""
    pattern = "^([1-9][0-9]{0,17})?$" if least else "^[0-9]{0,18}$"
    return Query(description=description, examples=[example], json_schema_extra={"pattern": pattern})


def Span(description: str, example: str) -> Any:  # noqa: N802 - as above
    """A query parameter such as 30m, 12h or 7d."""
    return Query(
        description=description, examples=[example], json_schema_extra={"pattern": "^([1-9][0-9]{0,3}[mhd])?$"}
    )


async def _sight(services: AppServices, staff: Annotated[Staff, Depends(staff_with(READ))]) -> Sight:
    return Sight(services.reference, staff.academy, services.strict)


# What a caller with read_assignment in the academy of the request sees.
Seen = Annotated[Sight, Depends(_sight)]


def bounded(field: str, value: str | None, default: int, *, least: int, most: int) -> int:
    """A number, at most `most`; raises ApiError 400 `invalid-filter` for anything that is none or below `least`."""
    return min(number(field, value, default, least=least), most)


def minutes(field: str, value: str | None, default: int, *, most: int) -> int:
    """The minutes of a span such as 30m, 12h or 7d, at most `most`; raises ApiError 400 `invalid-filter`."""
    if not value:
        return default
    match = _SPAN.fullmatch(value)
    if match is None:
        raise ApiError("invalid-filter.span", field=field, values=value[:_SHOWN])
    return min(int(match[1]) * _MINUTES[match[2]], most)


def _day(field: str, value: str | None, default: date) -> date:
    return default if value is None else utc_day(field, value)


async def _days(
    first: Annotated[
        str | None,
        Query(
            alias="from",
            description=f"First UTC day ({_DAYS} days before the last).",
            examples=["2026-04-01"],
            json_schema_extra={"format": "date"},
        ),
    ] = None,
    until: Annotated[
        str | None,
        Query(description="Last UTC day (today).", examples=["2026-04-15"], json_schema_extra={"format": "date"}),
    ] = None,
) -> DaySpan:
    last = _day("until", until, datetime.now(UTC).date())
    return DaySpan(_day("from", first, max(last - timedelta(_DAYS), date(1970, 1, 1))), last)


# The days that a request asks for.
Days = Annotated[DaySpan, Depends(_days)]


async def dated_answer(request: Request, content: Any, days: DaySpan) -> Response:
    """An answer about days with an ETag: of days that are over it may be kept for an hour; 304 for who has it."""
    body = await asyncio.to_thread(orjson.dumps, content)
    tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    kept = "max-age=3600" if days.closed(datetime.now(UTC)) else "no-cache"
    headers = {"ETag": tag, "Cache-Control": f"private, {kept}", "Vary": "Authorization, Academy"}
    if tag in (request.headers.get("if-none-match") or ""):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


DATED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "As it was when the `ETag` in `If-None-Match` was given."}
}


class Page:
    """A dependency: which rows of a long answer are wanted."""

    def __init__(self, request: Request, limit: _Limit = None, offset: _Offset = None) -> None:
        """Raises ApiError 400 `invalid-filter`."""
        self._request = request
        self.limit = bounded("limit", limit, _ROWS, least=1, most=_MOST_ROWS)
        self.offset = number("offset", offset, 0, least=0)

    def at_most(self, rows: int) -> Page:
        """The same page, of so many rows at most."""
        page = copy(self)
        page.limit = min(self.limit, rows)
        return page

    async def answer(self, rows: list[dict[str, Any]]) -> Response:
        """The wanted of all these rows: `{"count", "next", "previous", "results"}`, with Link and X-Total-Count."""
        return await self.answer_part(len(rows), self.part(rows))

    def part(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The wanted of all these rows."""
        return rows[self.offset : self.offset + self.limit]

    async def answer_part(self, count: int, shown: list[dict[str, Any]], **more: Any) -> Response:
        """The same of rows that are those of this page, of `count` there are; `more` stands before them."""
        end = self.offset + len(shown)
        after = before = None
        if shown and end < count:
            after = page_address(self._request, limit=self.limit, offset=end)
        if self.offset:
            before = page_address(self._request, limit=self.limit, offset=max(0, self.offset - self.limit))
        return await large_answer(
            {**more, "count": count, "next": after, "previous": before, "results": shown},
            headers={"X-Total-Count": str(count), "Cache-Control": UNKEPT, **around(after, before)},
        )


Paged = Annotated[Page, Depends()]
