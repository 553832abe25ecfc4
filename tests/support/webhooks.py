"""A batch that is stored as it is, and others that differ from it."""

from __future__ import annotations

from typing import Any

from tests.support.core import MORNING

__all__ = ["DOCUMENT", "batch", "without"]

DOCUMENT: dict[str, Any] = {
    "telemetry_id": "t1",
    "user_id": 7,
    "slug": "lists",
    "tutorial_started_at": MORNING,
    "last_interaction_at": MORNING + 60_000,
    "steps": [{"slug": "01", "position": 0, "opened_at": MORNING, "compilations": [], "tests": []}],
    "workout_session": [{"started_at": MORNING}],
}


def batch(**changes: Any) -> dict[str, Any]:
    """The document with some keys changed."""
    return {**DOCUMENT, **changes}


def without(*keys: str) -> dict[str, Any]:
    """The document without some keys."""
    return {key: value for key, value in DOCUMENT.items() if key not in keys}
