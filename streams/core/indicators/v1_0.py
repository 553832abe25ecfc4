"""Version 1.0 of the indicators: the LMS's, on whose scores ours must agree to the last decimal.

Floating point makes the order of operations visible in the second decimal, so every formula stands as the LMS
has it (docs/indicators.md, "Version 1.0 in full"). An unknown time is the integer 0 and a capped one the integer 1800,
as in the LMS; integers are never rounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streams.core.indicators.model import Indicators, Measured, Metrics, StepMetrics, Term
from streams.core.state import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.core.state import Attempt, Document, Step

__all__ = ["SCORES", "VERSION", "compute", "measure", "score"]

VERSION: Final = 1.0

_MICROSECONDS: Final = 1_000_000

# Seconds: what a step without completion can count for, and where the scores of steps are full.
_LONGEST_STEP: Final = 1800
_FULL_STEP_ENGAGEMENT: Final = 3600
_FULL_STEP_FRUSTRATION: Final = 1800
_FULL_STEP_STRUGGLES: Final = 20
_SKIPPED_FRUSTRATION: Final = 25.0

# Where the terms of the global scores are full: seconds, sessions, attempts, struggles per step.
_FULL_TIME: Final = 36_000
_FULL_SESSIONS: Final = 5
_FULL_INTERACTIONS: Final = 100
_FULL_TIME_ON_INCOMPLETE: Final = 18_000
_FULL_STRUGGLES: Final = 10

_UNREAD: Final = StepMetrics("unread", 0, 0, 0)


def _start(attempt: Attempt) -> int:
    return attempt.started or 0


def _until_success(attempts: list[Attempt]) -> list[Attempt]:
    """The failures before the first success in order of start; all of them if there is none."""
    failures = []
    for attempt in sorted(attempts, key=_start):
        code = attempt.code
        if code is MISSING:
            continue
        if code == 0:
            break
        failures.append(attempt)
    return failures


def _failures(attempts: list[Attempt]) -> list[Attempt]:
    # As `Attempt.failed`, without a call for each.
    return [attempt for attempt in attempts if attempt.code != 0]


def _struggles(step: Step, status: str, attempts: list[Attempt]) -> list[Attempt]:
    """The attempts that count as struggles of a step."""
    if not attempts or step.opened is None:
        return []
    return _until_success(attempts) if status == "completed" else _failures(attempts)


def _capped(opened: int, until: int | None) -> float:
    return 0 if until is None else min((until - opened) / _MICROSECONDS, _LONGEST_STEP)


def _measure_step(step: Step, last: int | None) -> StepMetrics:
    opened, completed = step.opened, step.completed
    if opened is None:
        return _UNREAD
    compilations, tests = step.compilations, step.tests
    if completed is not None:
        return StepMetrics(
            "completed",
            (completed - opened) / _MICROSECONDS,
            len(_until_success(compilations)) if compilations else 0,
            len(_until_success(tests)) if tests else 0,
        )
    if compilations or tests:
        ends = [attempt.ended for attempt in (*compilations, *tests) if attempt.ended is not None]
        return StepMetrics(
            "attempted",
            _capped(opened, max(ends) if ends else last),
            len(_failures(compilations)),
            len(_failures(tests)),
        )
    return StepMetrics("skipped", _capped(opened, last), 0, 0)


def measure(document: Document) -> Measured:
    """Measure every step, and the document as a whole."""
    last = document.last
    steps = [_measure_step(step, last) for step in document.steps]
    total = len(steps)
    statuses = [step.status for step in steps]
    completed = statuses.count("completed")
    known = last is not None and document.started is not None
    metrics: Metrics = {
        "total_time_on_platform": (last - document.started) / _MICROSECONDS if known else 0,  # type: ignore[operator]
        "num_sessions": document.sessions,
        "completion_rate": completed / total * 100 if total else 0,
        "total_interactions": sum([len(step.compilations) + len(step.tests) for step in document.steps]),
        "steps_not_completed": total - completed,
        # Of the floats in this order and by sum(): newer Pythons sum more exactly, in the LMS as well.
        "time_on_incomplete": sum([step.time_spent for step in steps if step.status in {"attempted", "skipped"}]),
        "avg_comp_struggles": sum([step.comp_struggles for step in steps]) / total if total else 0,
        "avg_test_struggles": sum([step.test_struggles for step in steps]) / total if total else 0,
        "skipped_steps": statuses.count("skipped"),
        "total_steps": total,
    }
    return Measured(steps, metrics)


def _share(metrics: Metrics, name: str) -> float:
    total = metrics["total_steps"]
    return metrics[name] / total * 100 if total else 0


def _up_to(metrics: Metrics, name: str, full: float) -> float:
    return min(metrics[name] / full, 1) * 100


SCORES: Final[dict[str, tuple[Term, ...]]] = {
    "engagement": (
        Term(
            metric="total_time_on_platform",
            label="time on the tutorial",
            unit="seconds",
            weight=0.3,
            normalise=lambda metrics: _up_to(metrics, "total_time_on_platform", _FULL_TIME),
        ),
        Term(
            metric="num_sessions",
            label="sessions",
            unit="count",
            weight=0.2,
            normalise=lambda metrics: _up_to(metrics, "num_sessions", _FULL_SESSIONS),
        ),
        Term(
            metric="completion_rate",
            label="steps completed",
            unit="percent",
            weight=0.3,
            normalise=lambda metrics: metrics["completion_rate"],
            moved_by=lambda _, measured: int(measured.status == "completed"),
        ),
        Term(
            metric="total_interactions",
            label="compilations and tests",
            unit="count",
            weight=0.2,
            normalise=lambda metrics: _up_to(metrics, "total_interactions", _FULL_INTERACTIONS),
            moved_by=lambda step, _: len(step.compilations) + len(step.tests),
            items=lambda step, _: (*step.compilations, *step.tests),
        ),
    ),
    "frustration": (
        Term(
            metric="steps_not_completed",
            label="steps not completed",
            unit="count",
            weight=0.3,
            normalise=lambda metrics: _share(metrics, "steps_not_completed"),
            moved_by=lambda _, measured: int(measured.status != "completed"),
        ),
        Term(
            metric="time_on_incomplete",
            label="time on steps not completed",
            unit="seconds",
            weight=0.2,
            normalise=lambda metrics: _up_to(metrics, "time_on_incomplete", _FULL_TIME_ON_INCOMPLETE),
            moved_by=lambda _, measured: measured.time_spent if measured.status in {"attempted", "skipped"} else 0,
        ),
        Term(
            metric="avg_comp_struggles",
            label="failed compilations per step",
            unit="count",
            weight=0.2,
            normalise=lambda metrics: _up_to(metrics, "avg_comp_struggles", _FULL_STRUGGLES),
            moved_by=lambda _, measured: measured.comp_struggles,
            items=lambda step, measured: _struggles(step, measured.status, step.compilations),
        ),
        Term(
            metric="avg_test_struggles",
            label="failed tests per step",
            unit="count",
            weight=0.2,
            normalise=lambda metrics: _up_to(metrics, "avg_test_struggles", _FULL_STRUGGLES),
            moved_by=lambda _, measured: measured.test_struggles,
            items=lambda step, measured: _struggles(step, measured.status, step.tests),
        ),
        Term(
            metric="skipped_steps",
            label="steps skipped",
            unit="count",
            weight=0.1,
            normalise=lambda metrics: _share(metrics, "skipped_steps"),
            moved_by=lambda _, measured: int(measured.status == "skipped"),
        ),
    ),
}


def score(terms: Sequence[Term], metrics: Metrics) -> float:
    """The weighted sum of the terms, rounded."""
    total = 0.0
    for term in terms:
        total += term.normalise(metrics) * term.weight
    return round(total / 100 * 100, 2)


def _percent(share: float) -> float:
    """A share of what is full in percent: the integer 100 beyond it."""
    return 100 if share > 1 else round(share * 100, 2)


def _step_engagement(measured: StepMetrics) -> float:
    if measured.status in {"completed", "attempted"}:
        return _percent(measured.time_spent / _FULL_STEP_ENGAGEMENT)
    return 0


def _step_frustration(measured: StepMetrics) -> float:
    status = measured.status
    if status == "completed":
        struggles = measured.comp_struggles + measured.test_struggles
        return _percent(struggles / _FULL_STEP_STRUGGLES) if struggles else 0.0
    if status == "attempted":
        return _percent(measured.time_spent / _FULL_STEP_FRUSTRATION)
    return _SKIPPED_FRUSTRATION if status == "skipped" else 0.0


def _rounded(value: float) -> float:
    return round(value, 2) if type(value) is float else value


def _step_result(step: Step, measured: StepMetrics) -> dict[str, Any]:
    if measured is _UNREAD:
        # As below, without asking: so are half of the steps of most documents.
        return {
            "slug": step.slug,
            "metrics": {"status": "unread", "time_spent": 0, "comp_struggles": 0, "test_struggles": 0},
            "indicators": {"EngagementIndicator": 0, "FrustrationIndicator": 0.0},
        }
    return {
        "slug": step.slug,
        "metrics": {
            "status": measured.status,
            "time_spent": _rounded(measured.time_spent),
            "comp_struggles": measured.comp_struggles,
            "test_struggles": measured.test_struggles,
        },
        "indicators": {
            "EngagementIndicator": _step_engagement(measured),
            "FrustrationIndicator": _step_frustration(measured),
        },
    }


def compute(document: Document) -> Indicators:
    """Measure a document and score it."""
    measured = measure(document)
    metrics = {name: _rounded(value) for name, value in measured.metrics.items()}
    engagement = score(SCORES["engagement"], measured.metrics)
    frustration = score(SCORES["frustration"], measured.metrics)
    result = {
        "algo_version": VERSION,
        "global": {
            "metrics": metrics,
            "indicators": {"EngagementIndicator": engagement, "FrustrationIndicator": frustration},
        },
        "steps": [
            _step_result(step, measured_step)
            for step, measured_step in zip(document.steps, measured.steps, strict=True)
        ],
    }
    return Indicators(
        result, engagement, frustration, metrics["completion_rate"], metrics["total_time_on_platform"], VERSION
    )
