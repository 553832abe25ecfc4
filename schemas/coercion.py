"""How ids and slugs are read out of JSON that clients and admins wrote, with Python's own conversions.

The LMS applies `int()` and `str()` to whatever arrives, so `"12"`, `12` and `" 12 "` are one id here as well. Nothing
in this module raises, whatever JSON value it is given.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["MOST_ID", "as_id", "as_integer", "as_integers", "as_slug", "as_text", "digits_as_id"]

# Ids end in 64-bit columns; what does not fit is no id.
_LIMIT: Final = 1 << 63
MOST_ID: Final = _LIMIT - 1
# Digits of the largest id.
_MOST_DIGITS: Final = 19


def as_id(value: Any) -> int | None:
    """Read an id: a non-negative integer or a string of digits, trimmed; never a boolean."""
    if type(value) is int:
        return value if 0 <= value < _LIMIT else None
    if isinstance(value, str):
        digits = value.strip()
        # isdecimal, because isdigit also takes characters such as "²", for which int() fails.
        if digits.isdecimal():
            return as_integer(digits)
    return None


def digits_as_id(text: str | bytes | None) -> int | None:
    """Read an id that is written in ASCII digits alone, as keys, addresses and headers have it."""
    if text is None or len(text) > _MOST_DIGITS or not text.isdigit() or not text.isascii():
        return None
    number = int(text)
    return number if number < _LIMIT else None


def as_integer(value: Any) -> int | None:
    """Read a package id as `int()` does (`12.7` is 12, `" 1_000 "` is 1000, true is 1), or None where it fails."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if -_LIMIT <= number < _LIMIT else None


def as_text(value: Any) -> str:
    """Read what a rule compares, a slug or an event, as trimmed `str()` gives it; empty for null."""
    if value is None:
        return ""
    try:
        return str(value).strip()
    except (RecursionError, ValueError):
        return ""


def as_slug(value: Any) -> str:
    """Read a slug that is looked up or stored: as `str()` gives it, untrimmed; empty for null and blanks."""
    return str(value) if as_text(value) else ""


def as_integers(value: Any) -> list[int]:
    """Read asset ids: a number, comma-separated text, or a list of these.

    What is no integer, or is negative, is skipped; booleans and null give none. The order is the sender's.
    """
    if type(value) is int:
        return [value] if 0 <= value < _LIMIT else []
    if type(value) is str and (number := digits_as_id(value)) is not None:
        return [number]
    if isinstance(value, bool):
        return []
    text = ",".join(map(as_text, value)) if isinstance(value, list) else as_text(value)
    numbers = map(as_integer, text.split(","))
    return [number for number in numbers if number is not None and number >= 0]
