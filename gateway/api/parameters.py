"""Query parameters that hold lists."""

from __future__ import annotations

from typing import Final

from gateway.errors import ApiError

__all__ = ["ID_LIST", "MAX_DIGITS", "id_list", "words"]

# As many digits as fit 64 bits whatever they are.
MAX_DIGITS: Final = 18

# The JSON Schema pattern of what `id_list` reads.
ID_LIST: Final = "^ *([0-9]{1,18})? *(, *([0-9]{1,18})? *)*$"

_SHOWN: Final = 200


def words(value: str | None) -> tuple[str, ...]:
    """The words of a comma-separated list."""
    return tuple(word for part in (value or "").split(",") if (word := part.strip(" ")))


def id_list(field: str, value: str | None) -> tuple[int, ...]:
    """The ids of a comma-separated list; raises ApiError 400 `invalid-filter` for anything else in it."""
    named = words(value)
    bad = [word for word in named if not (word.isascii() and word.isdigit() and len(word) <= MAX_DIGITS)]
    if bad:
        raise ApiError("invalid-filter", field=field, values=", ".join(bad)[:_SHOWN])
    return tuple(map(int, named))
