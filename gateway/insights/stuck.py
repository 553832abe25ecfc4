"""Who is stuck now, and who of them most (docs/insights.md, "Who is stuck")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gateway.insights.runs import runs
from gateway.insights.sql import COHORT, STRUGGLING, STUCK
from gateway.reading.shown import iso_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from gateway.insights.sight import Sight
    from gateway.reading.questions import Questions

__all__ = ["LONGEST_MINUTES", "MOST_FAILURES", "StuckRule", "find_stuck", "stuck_rows", "urgency"]

LONGEST_MINUTES: Final = 7 * 24 * 60
MOST_FAILURES: Final = 100

# Steps that students are stuck in at one time, in all academies that a question cannot tell apart.
_MOST: Final = 10_000

# ClickHouse takes 128 KiB of one parameter: 21 characters for each hash. Of more, all rows are read.
_MOST_HASHES: Final = 6_000

# Of more there is little to leave out.
_MOST_TUTORIALS: Final = 100

_FRESH_SECONDS: Final = 1.0

_FAILURES, _FULL_FAILURES = 50, 10
_TIME, _FULL_MINUTES = 30, 60
_NO_PROGRESS: Final = 20


@dataclass(frozen=True, slots=True)
class StuckRule:
    """When a student counts as stuck in a step that is not completed.

    At least `failures` compilations, tests and quizzes failed since the last that went well, the first of them at least
    `stuck` minutes ago, none of it more than `minutes` ago; and the student did anything in the tutorial in the last
    `seen` minutes.
    """

    minutes: int = 120
    seen: int = 30
    failures: int = 3
    stuck: int = 0


def urgency(failures: int, minutes: float, completed_steps: int) -> float:
    """How much a student needs somebody, 0 to 100.

    Half is for failures in a row (full at ten), 30 for minutes (full at sixty), 20 for having completed no step of the
    tutorial meanwhile.
    """
    tried = min(failures / _FULL_FAILURES, 1) * _FAILURES
    time = min(max(minutes, 0) / _FULL_MINUTES, 1) * _TIME
    return round(tried + time + (0 if completed_steps else _NO_PROGRESS), 1)


def _minutes(since: datetime, until: datetime) -> int:
    return max(0, int((until - since).total_seconds() // 60))


def stuck_rows(rows: Iterable[dict[str, Any]], sight: Sight) -> list[dict[str, Any]]:
    """What ClickHouse says of who is stuck, as an academy's staff see it: the most urgent first."""
    seen = [_shown(row, sight) for row in rows if sight.sees(row["student_id"])]
    return sorted(
        seen,
        key=lambda row: (-row["urgency"], -row["failures"], row["actor"], row["asset_slug"], row["step_slug"]),
    )


def _shown(row: dict[str, Any], sight: Sight) -> dict[str, Any]:
    minutes = _minutes(row["stuck_since"], row["asked_at"])
    return {
        "student": sight.student(row["student_id"]),
        "actor": row["actor"],
        "asset_slug": row["asset_slug"],
        "asset_title": sight.title(row["asset_slug"]),
        "step_slug": row["step_slug"],
        "step_position": row["step_position"],
        "failures": row["failures"],
        "minutes": minutes,
        "stuck_since": iso_instant(row["stuck_since"]),
        "minutes_on_step": _minutes(row["on_step_since"], row["on_step_until"]),
        "last_error": {"event": row["error_event"], "kind": row["error_kind"], "exit_code": row["error_code"]},
        "questions": row["questions"],
        "completed_steps": row["completed_steps"],
        "last_seen": iso_instant(row["last_seen"]),
        "urgency": urgency(row["failures"], minutes, row["completed_steps"]),
    }


async def find_stuck(
    questions: Questions, sight: Sight, rule: StuckRule, tutorials: Sequence[str] = (), cohort: str = ""
) -> list[dict[str, Any]]:
    """All whom an academy's staff see stuck, the most urgent first, of some tutorials and of a cohort if named.

    It is as it was a second ago, or later. At most 10,000 steps are looked at, those with most failures. Raises
    BusyError and ReadError.
    """
    slugs = [sight.tutorial(slug) for slug in tutorials]

    async def ask() -> list[dict[str, Any]]:
        sought = {
            "minutes": rule.minutes,
            "seen": rule.seen,
            "failures": rule.failures,
            "stuck": rule.stuck,
            "limit": _MOST,
            **sight.narrowed(),
        }
        return await _struggling(questions, sought, slugs)

    # Every page of who is stuck asks again whenever something is stored.
    rows = await questions.keep(("stuck", sight.academy, rule, *slugs), ask, _FRESH_SECONDS)
    found = stuck_rows(rows, sight)
    return await _of_cohort(questions, found, cohort) if cohort and found else found


async def _struggling(questions: Questions, sought: dict[str, Any], tutorials: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of whoever is stuck: first who may be, by a quick look, and then how it is with these."""
    named = await questions.rows(STRUGGLING, {**sought, "tutorials": tutorials})
    if not named:
        return []
    pairs, steps = (sorted({row[name] for row in named}) for name in ("pair", "step"))
    slugs = sorted({row["tutorial"] for row in named})
    narrowed = {
        # A table of facts is ordered by them; so few of many tutorials are read only.
        "tutorials": slugs if len(slugs) <= _MOST_TUTORIALS else tutorials,
        "pairs": pairs if len(pairs) <= _MOST_HASHES else [],
        "steps": steps if len(steps) <= _MOST_HASHES else [],
    }
    return await questions.rows(STUCK, {**sought, **narrowed})


async def _of_cohort(questions: Questions, found: list[dict[str, Any]], cohort: str) -> list[dict[str, Any]]:
    of_it: list[dict[str, Any]] = []
    for rows in runs(found, lambda row: (row["actor"], row["asset_slug"])):
        parameters = {
            "actors": sorted({row["actor"] for row in rows}),
            "tutorials": sorted({row["asset_slug"] for row in rows}),
            "cohort": cohort,
        }
        named = {(row["actor"], row["asset_slug"]) for row in await questions.rows(COHORT, parameters)}
        of_it += [row for row in rows if (row["actor"], row["asset_slug"]) in named]
    return of_it
