"""Query parameters that hold lists."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final

from fastapi import Query

from gateway.errors import ApiError
from schemas.coercion import digits_as_id

__all__ = ["ID_LIST", "Ids", "Words", "id_list", "utc_day", "words"]

# The JSON Schema pattern of what `id_list` reads, but for the few ids of 19 digits that fit 64 bits.
ID_LIST: Final = "^ *([0-9]{1,18})? *(, *([0-9]{1,18})? *)*$"

_SHOWN: Final = 200
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Ids = Annotated[
    str | None,
    Query(description="Numbers, comma-separated.", examples=["123,456"], json_schema_extra={"pattern": ID_LIST}),
]
Words = Annotated[str | None, Query(description="Comma-separated.", examples=["batch,open_step"])]


def words(value: str | None) -> tuple[str, ...]:
    """The words of a comma-separated list."""
    return tuple(word for part in (value or "").split(",") if (word := part.strip(" ")))


def utc_day(field: str, value: str) -> date:
    """A day as YYYY-MM-DD, at the nearest end of what ClickHouse's Date holds; raises ApiError 400 `invalid-filter`."""
    try:
        # Python also reads what is no date of RFC 3339, such as a week.
        day = date.fromisoformat(value) if _DATE.fullmatch(value) else None
    except ValueError:
        day = None
    if day is None:
        raise ApiError("invalid-filter.day", field=field, values=value[:_SHOWN])
    return min(max(day, date(1970, 1, 1)), date(2149, 1, 1))


def id_list(field: str, value: str | None) -> tuple[int, ...]:
    """The ids of a comma-separated list; raises ApiError 400 `invalid-filter` for anything else in it."""
    named = words(value)
    ids = tuple(number for word in named if (number := digits_as_id(word)) is not None)
    if len(ids) < len(named):
        bad = [word for word in named if digits_as_id(word) is None]
        raise ApiError("invalid-filter", field=field, values=", ".join(bad)[:_SHOWN])
    return ids
