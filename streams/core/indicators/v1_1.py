"""Version 1.1 of the indicators: what 1.0 is asked for, measured by what the student was seen to do.

It differs from 1.0 (docs/indicators.md has the table): time is time on steps, so a tutorial that is left open over
night earns nothing and a wrong clock never leads below 0; quizzes are attempts like tests, and talking to the tutor is
an interaction; frustration is about the steps that were opened, so nobody is frustrated by what lies ahead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streams.core.indicators.model import Indicators, Measured, Metrics, StepMetrics, Term
from streams.core.indicators.v1_0 import score
from streams.core.state import MISSING, Attempt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.core.state import Document, Step

__all__ = ["SCORES", "VERSION", "compute", "measure", "score"]

VERSION: Final = 1.1

_MICROSECONDS: Final = 1_000_000

# Seconds that one step can count for, and with which its scores are full.
_LONGEST_STEP: Final = 1800
_FULL_STEP_STRUGGLES: Final = 10
_SKIPPED_FRUSTRATION: Final = 25.0

# Where the terms of the global scores are full: seconds, sessions, interactions, struggles per opened step.
_FULL_TIME: Final = 18_000
_FULL_SESSIONS: Final = 5
_FULL_INTERACTIONS: Final = 100
_FULL_TIME_ON_INCOMPLETE: Final = 9_000
_FULL_STRUGGLES: Final = 5

_UNREAD: Final = StepMetrics("unread", 0.0, 0, 0)


def _checks(step: Step) -> Iterator[list[Attempt]]:
    """What the student was checked by, each with its attempts: the tests of the step, and each of its quizzes."""
    yield step.tests
    quizzes: dict[str, list[Attempt]] = {}
    for quiz in step.quizzes:
        quizzes.setdefault(quiz.quiz_hash, []).append(Attempt(quiz.started, quiz.ended, 0 if quiz.passed else 1))
    yield from quizzes.values()


def _struggles(attempts: Iterable[Attempt], *, completed: bool) -> list[Attempt]:
    """The failures; of a completed step those before the first success in order of start."""
    failures = []
    for attempt in sorted(attempts, key=lambda attempt: attempt.started or 0):
        if attempt.code is MISSING:
            continue
        if attempt.failed:
            failures.append(attempt)
        elif completed:
            break
    return failures


def _comp_struggles(step: Step) -> list[Attempt]:
    return [] if step.opened is None else _struggles(step.compilations, completed=step.completed is not None)


def _test_struggles(step: Step) -> list[Attempt]:
    if step.opened is None:
        return []
    completed = step.completed is not None
    return [failure for attempts in _checks(step) for failure in _struggles(attempts, completed=completed)]


def _interactions(step: Step) -> list[Attempt]:
    """Everything that the student did in the step, as attempts."""
    talks = [Attempt(talk.started, talk.ended, MISSING) for talk in step.interactions]
    return [*step.compilations, *(attempt for attempts in _checks(step) for attempt in attempts), *talks]


def _measure_step(step: Step, last: int | None) -> StepMetrics:
    opened = step.opened
    if opened is None:
        return _UNREAD
    done = _interactions(step)
    until = step.completed
    if until is None:
        until = max((item.ended for item in done if item.ended is not None), default=last)
    seconds = 0.0 if until is None else min(max((until - opened) / _MICROSECONDS, 0.0), float(_LONGEST_STEP))
    return StepMetrics(
        "completed" if step.completed is not None else "attempted" if done else "skipped",
        seconds,
        len(_comp_struggles(step)),
        len(_test_struggles(step)),
    )


def measure(document: Document) -> Measured:
    """Measure every step, and the document as a whole."""
    steps = [_measure_step(step, document.last) for step in document.steps]
    statuses = [step.status for step in steps]
    total, completed, skipped = len(steps), statuses.count("completed"), statuses.count("skipped")
    opened = total - statuses.count("unread")
    metrics: Metrics = {
        "total_time_on_platform": sum([step.time_spent for step in steps], 0.0),
        "num_sessions": document.sessions,
        "completion_rate": completed / total * 100 if total else 0,
        "total_interactions": sum([len(_interactions(step)) for step in document.steps]),
        "steps_not_completed": opened - completed,
        "time_on_incomplete": sum([step.time_spent for step in steps if step.status != "completed"], 0.0),
        "avg_comp_struggles": sum([step.comp_struggles for step in steps]) / opened if opened else 0,
        "avg_test_struggles": sum([step.test_struggles for step in steps]) / opened if opened else 0,
        "skipped_steps": skipped,
        "opened_steps": opened,
        "total_steps": total,
    }
    return Measured(steps, metrics)


def _share(metrics: Metrics, name: str) -> float:
    opened = metrics["opened_steps"]
    return metrics[name] / opened * 100 if opened else 0


def _up_to(metrics: Metrics, name: str, full: float) -> float:
    return min(metrics[name] / full, 1) * 100


SCORES: Final[dict[str, tuple[Term, ...]]] = {
    "engagement": (
        Term(
            metric="total_time_on_platform",
            label="time on steps",
            unit="seconds",
            weight=0.3,
            normalise=lambda metrics: _up_to(metrics, "total_time_on_platform", _FULL_TIME),
            moved_by=lambda _, measured: measured.time_spent,
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
            label="compilations, tests, quizzes and questions to the tutor",
            unit="count",
            weight=0.2,
            normalise=lambda metrics: _up_to(metrics, "total_interactions", _FULL_INTERACTIONS),
            moved_by=lambda step, _: len(_interactions(step)),
            items=lambda step, _: _interactions(step),
        ),
    ),
    "frustration": (
        Term(
            metric="steps_not_completed",
            label="opened steps not completed",
            unit="count",
            weight=0.3,
            normalise=lambda metrics: _share(metrics, "steps_not_completed"),
            moved_by=lambda _, measured: int(measured.status in {"attempted", "skipped"}),
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
            label="failed compilations per opened step",
            unit="count",
            weight=0.2,
            normalise=lambda metrics: _up_to(metrics, "avg_comp_struggles", _FULL_STRUGGLES),
            moved_by=lambda _, measured: measured.comp_struggles,
            items=lambda step, _: _comp_struggles(step),
        ),
        Term(
            metric="avg_test_struggles",
            label="failed tests and quizzes per opened step",
            unit="count",
            weight=0.2,
            normalise=lambda metrics: _up_to(metrics, "avg_test_struggles", _FULL_STRUGGLES),
            moved_by=lambda _, measured: measured.test_struggles,
            items=lambda step, _: _test_struggles(step),
        ),
        Term(
            metric="skipped_steps",
            label="opened steps skipped",
            unit="count",
            weight=0.1,
            normalise=lambda metrics: _share(metrics, "skipped_steps"),
            moved_by=lambda _, measured: int(measured.status == "skipped"),
        ),
    ),
}


def _percent(share: float) -> float:
    return round(min(share, 1.0) * 100, 2)


def _step_frustration(measured: StepMetrics) -> float:
    struggles = (measured.comp_struggles + measured.test_struggles) / _FULL_STEP_STRUGGLES
    if measured.status == "attempted":
        return _percent(max(struggles, measured.time_spent / _LONGEST_STEP))
    return _SKIPPED_FRUSTRATION if measured.status == "skipped" else _percent(struggles)


def _step_engagement(measured: StepMetrics) -> float:
    return 0.0 if measured.status == "skipped" else _percent(measured.time_spent / _LONGEST_STEP)


def _step_result(step: Step, measured: StepMetrics) -> dict[str, Any]:
    return {
        "slug": step.slug,
        "metrics": {
            "status": measured.status,
            "time_spent": round(measured.time_spent, 2),
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
    metrics = {name: round(value, 2) if type(value) is float else value for name, value in measured.metrics.items()}
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
