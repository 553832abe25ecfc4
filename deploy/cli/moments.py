"""Days and instants as options give them: a span before or after now, or an ISO 8601 date."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import typer

__all__ = ["ago", "ahead", "day", "span_minutes"]

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def ahead(text: str, option: str, now: datetime) -> datetime:
    """The instant so long after `now`, or the date; raises BadParameter, which names the option."""
    return _moment(text, option, now, 1)


def ago(text: str, option: str, now: datetime) -> datetime:
    """The instant so long before `now`, or the date; raises BadParameter, which names the option."""
    return _moment(text, option, now, -1)


def span_minutes(text: str, option: str, now: datetime, most: int) -> int:
    """The whole minutes since the instant so long before `now`, or the date; raises BadParameter outside of 1..most."""
    minutes = int((now - ago(text, option, now)).total_seconds() // 60)
    if not 1 <= minutes <= most:
        message = f"{option} {text!r} is not within the last {most // (24 * 60)} days."
        raise typer.BadParameter(message)
    return minutes


def day(text: str) -> date:
    """The day; raises BadParameter."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is not a day as YYYY-MM-DD."
        raise typer.BadParameter(message) from None


def _moment(text: str, option: str, now: datetime, sign: int) -> datetime:
    try:
        if text[-1:] in _UNITS and text[:-1].isdecimal():
            return now + sign * timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        moment = datetime.fromisoformat(text)
    except (OverflowError, ValueError):
        message = f"{option} {text!r} is neither a span such as 90d, 12h, 30m nor an ISO 8601 date."
        raise typer.BadParameter(message) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
