"""Instants of the clients' documents and of Kafka's records, as integers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

__all__ = ["day_of", "parse_time", "sql_date", "sql_time"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY_MS: Final = 86_400_000
# Below this (the year 2096) a float of seconds holds whole milliseconds exactly, so no rounding can differ.
_EXACT_MS: Final = 4_000_000_000_000


def _from_milliseconds(value: float) -> int | None:
    if type(value) is int and -_EXACT_MS < value < _EXACT_MS:
        return value * 1000
    try:
        # Through datetime, so that fractions of a millisecond round as the LMS rounds them.
        instant = datetime.fromtimestamp(value / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return (instant - _EPOCH) // _MICROSECOND


def parse_time(value: Any) -> int | None:
    """Parse a client's time to microseconds since 1970 UTC, or None where it is no time.

    Takes milliseconds (a number or a numeric string) or ISO 8601, whose offset is applied (none means UTC); the rule is
    learnpack.md's, "Indicators".
    """
    kind = type(value)
    if kind is int or kind is float or kind is bool:
        return _from_milliseconds(value)
    if kind is not str:
        return None
    try:
        parsed = _from_milliseconds(float(value))
    except ValueError:
        parsed = None
    if parsed is not None:
        return parsed
    try:
        instant = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - _EPOCH) // _MICROSECOND


def day_of(milliseconds: int) -> int:
    """The UTC day of an instant, as days since 1970."""
    return milliseconds // _DAY_MS


@lru_cache(maxsize=4096)
def sql_date(day: int) -> str:
    """A day (days since 1970) as ClickHouse's Date text, `YYYY-MM-DD`."""
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")


def sql_time(milliseconds: int) -> str:
    """An instant (milliseconds since 1970 UTC) as ClickHouse's DateTime64(3) text."""
    day, rest = divmod(milliseconds, _DAY_MS)
    seconds, millis = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{sql_date(day)} {hour:02}:{minute:02}:{second:02}.{millis:03}"
