"""Webhooks with a mark in every place where a client or staff may write a text of their own."""

from __future__ import annotations

from typing import Any, Final

from tests.support.core import MORNING

__all__ = ["MARK", "secret_document", "secret_event", "secret_notebook", "secret_staff"]

MARK: Final = "5ecret"

# A sentence with an address, as no name has one.
_TEXT: Final = f"{MARK} ada@example.com lives here and writes this"

_ITEM: Final[dict[str, Any]] = {
    "started_at": MORNING,
    "ended_at": MORNING + 1000,
    "source_code": MARK,
    "stdout": MARK,
    "stderr": MARK,
    "exit_code": 1,
    "errorType": f"{MARK}",
    "signal": MARK,
    "memoryUsage": MARK,
    "cpuUsage": MARK,
    "note": _TEXT,
}
_QUESTION: Final[dict[str, Any]] = {
    "started_at": MORNING,
    "student_message": _TEXT,
    "source_code": MARK,
    "ai_response": MARK,
    "context": MARK,
}
_QUIZ: Final[dict[str, Any]] = {
    "started_at": MORNING,
    "status": MARK,
    "percentage": MARK,
    "quiz_hash": _TEXT,
    "selections": [MARK],
}


def secret_document() -> dict[str, Any]:
    """A batch of user 7 in `lists`, run `t1`."""
    step = {
        "slug": _TEXT,
        "position": 0,
        "files": [{"name": MARK}],
        "is_testeable": MARK,
        "opened_at": MORNING,
        "completed_at": MARK,
        "compilations": [_ITEM],
        "tests": [_ITEM],
        "ai_interactions": [_QUESTION],
        "quiz_submissions": [_QUIZ],
        "testeable_elements": [{"type": "quiz", "hash": _TEXT}, {"type": MARK, "hash": MARK}],
        "sessions": [MARK],
        "metrics": {MARK: MARK},
        "indicators": {MARK: MARK},
        MARK: MARK,
    }
    return {
        "telemetry_id": "t1",
        "user_id": 7,
        "slug": "lists",
        "agent": MARK,
        "version": _TEXT,
        "fullname": MARK,
        "email": f"{MARK}@example.com",
        "cohort_id": MARK,
        "package_id": MARK,
        "tutorial_started_at": MORNING,
        "last_interaction_at": MORNING + 60_000,
        "steps": [step, {"slug": "01", "position": 1, "opened_at": MORNING + 5}],
        "workout_session": [{"started_at": MORNING, "ended_at": MARK, MARK: MARK}, MARK],
        "global_metrics": {"note": MARK, f"{MARK} key": 1},
        "global_indicators": MARK,
        MARK: MARK,
    }


def secret_event(event: str) -> dict[str, Any]:
    """A streamed event of the same run, after the batch."""
    data = {**_ITEM, **_QUESTION, **_QUIZ, "started_at": MORNING + 70_000, "ended_at": MORNING + 71_000}
    payload = {"telemetry_id": "t1", "user_id": 7, "slug": _TEXT, "step_position": 0, "event": event, "data": data}
    return {**payload, MARK: MARK}


def secret_notebook(event: str) -> dict[str, Any]:
    """A notebook's event of JANE-DOE; a name in `nb` and the like is one."""
    properties = {
        "nb": "n1",
        "sess": _TEXT,
        "v": _TEXT,
        "cell_id": _TEXT,
        "ex": _TEXT,
        "ok": MARK,
        "ms": MARK,
        "try": MARK,
        "err": f"{MARK}: {MARK}",
        "error_type": MARK,
        "code": MARK,
        "mood": MARK,
        f"{MARK} key": 1,
        "$set": {"email": MARK},
        "list": [MARK],
    }
    return {"event": event, "distinct_id": "JANE-DOE", "timestamp": MARK, "properties": properties, MARK: MARK}


def secret_staff() -> dict[str, Any]:
    """What staff of academy 1 set for user 7 in `lists`."""
    fields = {
        "telemetry": {"note": MARK, MARK: MARK},
        "metrics": {"note": MARK, f"{MARK} key": 1, "steps": [{"slug": _TEXT, "status": MARK, "list": [MARK]}]},
        "engagement_score": 1.0,
    }
    return {"command": "telemetry.upsert", "user_id": "7", "asset_slug": "lists", "fields": fields, "academy": 1}
