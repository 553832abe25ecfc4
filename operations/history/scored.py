"""How the LMS came to the scores of a row: by its formulas, by one of its known errors, or by staff (pure).

docs/indicators.md has the formulas, docs/migrating.md, "3. Compare", the errors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from streams.core.indicators import compute, v1_0
from streams.core.slim import items_of, slim, steps_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operations.history.rows import TelemetryRow

__all__ = ["COMPARED", "agree", "by_formulas", "by_lms", "fails_in_lms", "set_by_staff"]

# What is compared, of a row here and one of the LMS.
COMPARED: Final = ("engagement_score", "frustration_score", "completion_rate")

_DECIMALS: Final = 0.005
_TIMES: Final = frozenset(
    {"tutorial_started_at", "last_interaction_at", "opened_at", "completed_at"}
    | {"started_at", "starting_at", "ended_at", "ending_at"}
)
_WITH_OFFSET: Final = re.compile(r"(\d{4}-\d\d-\d\d[T ][0-9:.]+)[+-]\d\d(?::?\d\d)?")
_NEEDED: Final = ("tutorial_started_at", "last_interaction_at", "steps", "workout_session")
_LISTS: Final = ("compilations", "tests")


def by_formulas(document: Mapping[str, Any], version: float = v1_0.VERSION) -> dict[str, float]:
    """The scores of a document by a version of the algorithm; both have 1.0. Raises UnknownAlgorithm."""
    found = compute(slim(document), version)
    return {
        "engagement_score": found.engagement_score,
        "frustration_score": found.frustration_score,
        "completion_rate": found.completion_rate,
    }


def by_lms(document: Mapping[str, Any]) -> dict[str, float]:
    """The same where the offsets of ISO times are dropped, as the LMS does."""
    return by_formulas(_without_offsets(document))


def fails_in_lms(document: Mapping[str, Any]) -> str | None:
    """What of a document the LMS cannot compute with, which then keeps the scores of before; None where it can."""
    for name in _NEEDED:
        if document.get(name) is None:
            return name
    for step in steps_of(document):
        if step.get("slug") is None:
            return "a step's slug"
        for name in _LISTS:
            if type(step.get(name)) is not list:
                return f"a step's {name}"
        if any(type(test) is dict and "exit_code" not in test for test in step["tests"]):
            return "a test's exit_code"
    return None


def agree(some: Mapping[str, Any], others: Mapping[str, Any], *, within: float = _DECIMALS) -> bool:
    """Whether two rows have the same scores, to the second decimal unless `within` says more; missing is null."""
    return all(_same(some.get(name), others.get(name), within) for name in COMPARED)


def set_by_staff(row: TelemetryRow, document: Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields of a row that staff have set; empty where the LMS has computed them.

    What it computes agrees with the `metrics` beside it and has no `metrics_algo_version`, which only staff set.
    """
    scores = row.scores
    if not scores:
        return {}
    if document is None or "metrics_algo_version" in scores:
        return scores
    if agree(scores, by_formulas(document)) or agree(scores, by_lms(document)):
        return {}
    return {} if _has_metrics_of_its_own(scores) else scores


def _has_metrics_of_its_own(scores: Mapping[str, Any]) -> bool:
    whole = _object(_object(scores.get("metrics")).get("global"))
    indicators, metrics = _object(whole.get("indicators")), _object(whole.get("metrics"))
    told = {
        "engagement_score": indicators.get("EngagementIndicator"),
        "frustration_score": indicators.get("FrustrationIndicator"),
        "completion_rate": metrics.get("completion_rate"),
    }
    return None not in told.values() and agree(scores, told)


def _object(value: Any) -> Mapping[str, Any]:
    return value if type(value) is dict else {}


def _same(one: Any, other: Any, within: float) -> bool:
    if one is None or other is None:
        return one is other
    return type(one) in (int, float) and type(other) in (int, float) and abs(one - other) <= within


def _without_offsets(document: Mapping[str, Any]) -> dict[str, Any]:
    naive = _with_naive_times(document)
    if type(document.get("steps")) is list:
        naive["steps"] = [
            _with_naive_times(step)
            | {name: [_with_naive_times(item) for item in items_of(step, name)] for name in _LISTS if name in step}
            for step in steps_of(document)
        ]
    return naive


def _with_naive_times(held: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _naive(value) if name in _TIMES else value for name, value in held.items()}


def _naive(value: Any) -> Any:
    found = _WITH_OFFSET.fullmatch(value) if type(value) is str else None
    return found[1] if found else value
