"""Who of those who are stuck comes first, and who is shown at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import pytest

from gateway.insights.sight import Sight
from gateway.insights.stuck import stuck_rows, urgency
from schemas.reference.lookup import Reference

NOW: Final = datetime(2026, 4, 15, 10, 0, tzinfo=UTC)


def sight(*, strict: bool = False) -> Sight:
    """Staff of academy 1, of which 7 is a member; 8 is one of academy 2."""
    reference = Reference()
    for number, academies in ((7, [1]), (8, [2])):
        user = {"id": number, "first_name": "Ada", "last_name": "L.", "academies": academies}
        reference.apply("users", b"%d" % number, orjson.dumps(user))
    return Sight(reference, 1, strict)


def row(student: int | None, **columns: Any) -> dict[str, Any]:
    """A row of the question."""
    found = {
        "student_id": student,
        "actor": "telemetry:x" if student is None else str(student),
        "asset_slug": "tutorial",
        "step_slug": "01",
        "step_position": 1,
        "failures": 3,
        "stuck_since": NOW - timedelta(minutes=6),
        "on_step_since": NOW - timedelta(minutes=10),
        "on_step_until": NOW - timedelta(minutes=1),
        "last_seen": NOW - timedelta(seconds=30),
        "completed_steps": 1,
        "questions": 0,
        "error_event": "test",
        "error_kind": "",
        "error_code": 1,
        "asked_at": NOW,
    }
    return found | columns


@pytest.mark.parametrize(
    ("failures", "minutes", "completed", "expected"),
    [(0, 0, 1, 0), (3, 6, 1, 18), (3, 6, 0, 38), (10, 60, 0, 100), (99, 6000, 0, 100), (5, -3, 1, 25)],
)
def test_urgency_grows_and_has_bounds(failures: int, minutes: float, completed: int, expected: float) -> None:
    """As docs/insights.md has it."""
    assert urgency(failures, minutes, completed) == expected


@pytest.mark.parametrize(("strict", "expected"), [(False, ["7", "9", "telemetry:x"]), (True, ["7"])])
def test_only_students_of_the_academy_are_shown(strict: bool, expected: list[str]) -> None:  # noqa: FBT001 - a case
    """Members, and with an open directory whom nobody knows; never another academy's."""
    found = stuck_rows([row(None), row(8), row(9), row(7)], sight(strict=strict))

    assert [one["actor"] for one in found] == expected


def test_the_most_urgent_come_first() -> None:
    """By urgency, then by failures."""
    found = stuck_rows([row(7), row(9, failures=12), row(None, completed_steps=0)], sight())

    assert [(one["actor"], one["urgency"]) for one in found] == [("9", 53.0), ("telemetry:x", 38.0), ("7", 18.0)]
    assert found[0]["minutes"] == 6
    assert found[0]["minutes_on_step"] == 9


def test_members_are_named_to_clickhouse_where_that_says_all() -> None:
    """A strict directory of few members leaves all others out; in an open one whom nobody knows is seen, too."""
    assert sight(strict=True).narrowed() == {"everyone": 0, "only": [7]}
    assert sight().narrowed() == {"everyone": 1, "only": []}
