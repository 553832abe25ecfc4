"""Parameters and answers that all routes of insights have in common."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request, Response

from gateway.api.callers import AppServices, Staff, staff_with
from gateway.api.pages import around, number, page_address
from gateway.api.refusals import OF_STAFF
from gateway.api.services import large_answer
from gateway.errors import ApiError
from gateway.insights.sight import Sight
from schemas.reference.tenancy import READ

__all__ = ["REFUSED", "Number", "Page", "Paged", "Seen", "Span", "bounded", "minutes"]

# What each route may be refused with.
REFUSED: Final = (*OF_STAFF, "data-unavailable", "too-many-questions")

_MOST_ROWS: Final = 200
_ROWS: Final = 50
_SHOWN: Final = 200

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


def Number(description: str, example: str) -> Any:  # noqa: N802 - reads as the type that it describes
    """A query parameter of digits."""
    return Query(description=description, examples=[example], json_schema_extra={"pattern": "^[0-9]{0,18}$"})


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


class Page:
    """A dependency: which rows of a long answer are wanted."""

    def __init__(self, request: Request, limit: _Limit = None, offset: _Offset = None) -> None:
        """Raises ApiError 400 `invalid-filter`."""
        self._request = request
        self.limit = bounded("limit", limit, _ROWS, least=1, most=_MOST_ROWS)
        self.offset = number("offset", offset, 0, least=0)

    async def answer(self, rows: list[dict[str, Any]]) -> Response:
        """The wanted of all these rows: `{"count", "next", "previous", "results"}`, with Link and X-Total-Count."""
        shown = rows[self.offset : self.offset + self.limit]
        end = self.offset + len(shown)
        after = before = None
        if shown and end < len(rows):
            after = page_address(self._request, limit=self.limit, offset=end)
        if self.offset:
            before = page_address(self._request, limit=self.limit, offset=max(0, self.offset - self.limit))
        return await large_answer(
            {"count": len(rows), "next": after, "previous": before, "results": shown},
            headers={"X-Total-Count": str(len(rows)), **around(after, before)},
        )


Paged = Annotated[Page, Depends()]
