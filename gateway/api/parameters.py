"""Query parameters that hold lists."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query

from gateway.errors import ApiError
from schemas.coercion import digits_as_id

__all__ = ["ID_LIST", "Ids", "Words", "id_list", "words"]

# The JSON Schema pattern of what `id_list` reads, but for the few ids of 19 digits that fit 64 bits.
ID_LIST: Final = "^ *([0-9]{1,18})? *(, *([0-9]{1,18})? *)*$"

_SHOWN: Final = 200

Ids = Annotated[
    str | None,
    Query(description="Numbers, comma-separated.", examples=["123,456"], json_schema_extra={"pattern": ID_LIST}),
]
Words = Annotated[str | None, Query(description="Comma-separated.", examples=["batch,open_step"])]


def words(value: str | None) -> tuple[str, ...]:
    """The words of a comma-separated list."""
    return tuple(word for part in (value or "").split(",") if (word := part.strip(" ")))


def id_list(field: str, value: str | None) -> tuple[int, ...]:
    """The ids of a comma-separated list; raises ApiError 400 `invalid-filter` for anything else in it."""
    named = words(value)
    ids = tuple(number for word in named if (number := digits_as_id(word)) is not None)
    if len(ids) < len(named):
        bad = [word for word in named if digits_as_id(word) is None]
        raise ApiError("invalid-filter", field=field, values=", ".join(bad)[:_SHOWN])
    return ids
