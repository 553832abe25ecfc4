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
# The length of the clients' ISO strings, `2024-12-19T15:17:49.242Z`.
_CLIENT_ISO: Final = 24
_from_iso: Final = datetime.fromisoformat


def _from_milliseconds(value: float) -> int | None:
    try:
        # Through datetime, so that fractions of a millisecond round as the LMS rounds them.
        return (datetime.fromtimestamp(value / 1000, tz=UTC) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError, OSError):
        return None


def _from_text(value: str) -> int | None:
    try:
        parsed = _from_milliseconds(float(value))
    except ValueError:
        parsed = None
    if parsed is not None:
        return parsed
    try:
        instant = _from_iso(value.replace("Z", "+00:00"))
        # An offset can carry the first and the last day out of the calendar: OverflowError.
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return (instant - _EPOCH) // _MICROSECOND


def parse_time(value: Any) -> int | None:
    """Parse a client's time to microseconds since 1970 UTC, or None where it is no time (docs/semantics.md, "Times").

    Takes milliseconds (a number or a numeric string) or ISO 8601, whose offset is applied (none means UTC). What it
    answers lies in the years 1 to 9999.
    """
    kind = type(value)
    if kind is int and -_EXACT_MS < value < _EXACT_MS:
        return value * 1000  # type: ignore[no-any-return]
    if kind is str:
        if len(value) == _CLIENT_ISO and value[-1] == "Z":
            # The hot path: no number ends in Z, and Python reads it as it is.
            try:
                return (_from_iso(value) - _EPOCH) // _MICROSECOND
            except ValueError:
                pass
        return _from_text(value)
    if kind is int or kind is float or kind is bool:
        return _from_milliseconds(value)
    return None


def day_of(milliseconds: int) -> int:
    """The UTC day of an instant, as days since 1970."""
    return milliseconds // _DAY_MS


@lru_cache(maxsize=4096)
def sql_date(day: int) -> str:
    """A day (days since 1970) as ClickHouse's Date text, `YYYY-MM-DD`."""
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")


# Facts carry three instants each, so their text is put together from pieces that are formatted once.
_MINUTES: Final = tuple(f"{hour:02}:{minute:02}:" for hour in range(24) for minute in range(60))
_SECONDS: Final = tuple(f"{second:02}." for second in range(60))
_MILLIS: Final = tuple(f"{milli:03}" for milli in range(1000))


def sql_time(milliseconds: int) -> str:
    """An instant (milliseconds since 1970 UTC) as ClickHouse's DateTime64(3) text."""
    seconds, millis = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    day, minute = divmod(minutes, 1440)
    return f"{sql_date(day)} {_MINUTES[minute]}{_SECONDS[second]}{_MILLIS[millis]}"
