"""Telemetry payloads in few words: instants are seconds after `START`, as the student's clock shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

__all__ = ["START", "attempt", "batch", "compiled", "document", "iso", "milliseconds", "step"]

# 2025-03-03 09:00 UTC, in milliseconds.
START = 1_740_992_400_000

_OMITTED: Any = object()


def milliseconds(seconds: float) -> int:
    """An instant as the clients' clocks write it."""
    return START + round(seconds * 1000)


def iso(seconds: float) -> str:
    """An instant as the clients write the end of most compilations."""
    text = datetime.fromtimestamp(milliseconds(seconds) / 1000, tz=UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def attempt(start: float | None, code: Any = _OMITTED, end: float | None = None) -> dict[str, Any]:
    """A compilation or a test; without an end it ends when it starts, without a code it has no such key."""
    item: dict[str, Any] = {}
    if start is not None:
        item["starting_at"] = milliseconds(start)
        item["ended_at"] = milliseconds(start if end is None else end)
    if code is not _OMITTED:
        item["exit_code"] = code
    return item


def step(slug: Any, opened: float | None = None, completed: float | None = None, **fields: Any) -> dict[str, Any]:
    """A step; what is not given is missing."""
    made: dict[str, Any] = {"slug": slug, **fields}
    if opened is not None:
        made["opened_at"] = milliseconds(opened)
    if completed is not None:
        made["completed_at"] = milliseconds(completed)
    return made


def document(*steps: dict[str, Any], last: float | None = 0, sessions: int = 1, **fields: Any) -> dict[str, Any]:
    """A document that begins at `START`; `last` is its last interaction, missing where that is None."""
    made: dict[str, Any] = {
        "telemetry_id": "t-1",
        "slug": "tutorial",
        "tutorial_started_at": START,
        "steps": list(steps),
        "workout_session": [{"started_at": START}] * sessions,
        **fields,
    }
    if last is not None:
        made["last_interaction_at"] = milliseconds(last)
    return made


def compiled(start: float, *, step_slug: str = "01", **changes: Any) -> dict[str, Any]:
    """A streamed compilation that began so many seconds after the start."""
    data = {"started_at": milliseconds(start), "ended_at": milliseconds(start), "exit_code": 1}
    event = {"event": "compile", "user_id": 7, "telemetry_id": "t-1", "package_slug": "tutorial", "slug": step_slug}
    return {**event, "data": data, **changes}


def batch(*starts: float, **changes: Any) -> dict[str, Any]:
    """A document of one step with compilations that began then."""
    held = step("01", 0, compilations=[attempt(start, 1) for start in starts])
    return document(held, last=max(starts, default=0), user_id=7, **changes)
