"""What version 1.0 of the indicators says of a whole tutorial (docs/indicators.md): totals, means and scores."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.indicators import computed, exactly
from tests.support.payloads import attempt, iso, step


def metrics_of(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The global metrics of a payload with these steps."""
    found: dict[str, Any] = computed(*steps, **fields).result["global"]["metrics"]
    return found


@pytest.mark.parametrize(
    ("fields", "last", "total"),
    [
        ({}, 90.125, 90.12),
        ({}, 40_000, 40_000.0),
        ({}, -3600, -3600.0),
        ({}, None, 0),
        ({"tutorial_started_at": None}, 60, 0),
        ({"tutorial_started_at": "soon"}, 60, 0),
        ({"tutorial_started_at": iso(30)}, 60, 30.0),
    ],
)
def test_time_on_the_platform_is_from_start_to_last_interaction(
    fields: dict[str, Any], last: float | None, total: float
) -> None:
    """The integer 0 if either is unknown; neither capped nor floored; stored as total_time."""
    found = computed(step("a"), last=last, **fields)

    assert exactly(found.result["global"]["metrics"]["total_time_on_platform"]) == exactly(total)
    assert exactly(found.total_time) == exactly(total)


def test_interactions_are_all_compilations_and_tests() -> None:
    """Those of unread steps and those without an exit code count; questions to the tutor and quizzes do not."""
    found = metrics_of(
        step("a", compilations=[attempt(1, 1), attempt(2)]),
        step("b", 0, 9, tests=[attempt(3)], ai_interactions=[attempt(4)], quiz_submissions=[{"status": "SUCCESS"}]),
    )

    assert found["total_interactions"] == 3


def test_averages_of_struggles_are_over_all_steps() -> None:
    """Steps without struggles count in the mean, which is rounded to 2 decimals."""
    found = metrics_of(
        step("a", 0, 9, compilations=[attempt(1, 1), attempt(2, 1)], tests=[attempt(1, 1)]), step("b"), step("c")
    )

    assert (found["avg_comp_struggles"], found["avg_test_struggles"]) == (0.67, 0.33)


def test_time_on_incomplete_adds_attempted_and_skipped_steps() -> None:
    """Completed and unread steps do not count; what is capped adds as capped."""
    found = metrics_of(
        step("a", 0, 500), step("b", 0, tests=[attempt(1, 1, 100.5)]), step("c", 0), step("d"), last=2000
    )

    assert exactly(found["time_on_incomplete"]) == exactly(1900.5)
    assert (found["steps_not_completed"], found["skipped_steps"], found["total_steps"]) == (3, 1, 4)


def test_without_steps_rates_are_0() -> None:
    """A document without steps has integer zeros, and its scores come from time and sessions only."""
    found = computed(last=36, sessions=1)

    assert exactly(found.result) == exactly(
        {
            "algo_version": 1.0,
            "global": {
                "metrics": {
                    "total_time_on_platform": 36.0,
                    "num_sessions": 1,
                    "completion_rate": 0,
                    "total_interactions": 0,
                    "steps_not_completed": 0,
                    "time_on_incomplete": 0,
                    "avg_comp_struggles": 0,
                    "avg_test_struggles": 0,
                    "skipped_steps": 0,
                    "total_steps": 0,
                },
                "indicators": {"EngagementIndicator": 4.03, "FrustrationIndicator": 0.0},
            },
            "steps": [],
        }
    )


def test_full_engagement() -> None:
    """Ten hours, five sessions, everything completed and a hundred attempts are 100, and more is not more."""
    tests = [attempt(n, 0) for n in range(100)]

    assert computed(step("a", 0, 60, tests=tests), last=36_000, sessions=5).engagement_score == 100.0
    assert computed(step("a", 0, 60, tests=tests * 2), last=90_000, sessions=9).engagement_score == 100.0


@pytest.mark.parametrize(
    ("steps", "last", "sessions", "points"),
    [
        ([], 3600, 0, 3.0),
        ([], -36_000, 0, -30.0),
        ([], 0, 1, 4.0),
        ([step("a", 0, 9), step("b")], 0, 0, 15.0),
        ([step("a", tests=[attempt(1, 1)] * 25)], 0, 0, 5.0),
    ],
)
def test_weights_of_engagement(steps: list[dict[str, Any]], last: float, sessions: int, points: float) -> None:
    """0.3 for ten hours, 0.2 for five sessions, 0.3 for completion, 0.2 for a hundred attempts."""
    assert computed(*steps, last=last, sessions=sessions).engagement_score == points


@pytest.mark.parametrize(
    ("steps", "points"),
    [
        # 0.3 for what is not completed.
        ([step("a"), step("b", 0, 9)], 15.0),
        # And 0.2 for 900 of 18000 s.
        ([step("a", 0, tests=[attempt(1, 0, 900)]), step("b", 0, 9)], 16.0),
        # 0.2 each for 5 of 10 failed compilations and tests per step.
        ([step("a", 0, 9, compilations=[attempt(n, 1) for n in range(5)])], 10.0),
        ([step("a", 0, 9, tests=[attempt(n, 1) for n in range(5)])], 10.0),
        ([step("a", 0, 9, tests=[attempt(n, 1) for n in range(50)])], 20.0),
        # 0.3 and 0.1 for a skipped step of two.
        ([step("a", 0), step("b", 0, 9)], 20.0),
    ],
)
def test_weights_of_frustration(steps: list[dict[str, Any]], points: float) -> None:
    """0.3 for steps not completed, 0.2 for time on them, 0.2 and 0.2 for struggles, 0.1 for skipped steps."""
    assert computed(*steps).frustration_score == points


def test_full_frustration() -> None:
    """Ten steps skipped after half an hour each are 0.3 + 0.2 + 0.1 of a hundred."""
    assert computed(*(step(f"s{n}", 0) for n in range(10)), last=4000).frustration_score == 60.0


def test_scores_come_from_metrics_that_are_not_rounded() -> None:
    """One third of steps completed gives 0.3 * 33.333…, not 0.3 * 33.33, and the rate is rounded beside it."""
    found = computed(*(step(f"s{n}", 0, 9) for n in range(1000)), *(step(f"u{n}") for n in range(2000)), sessions=0)

    assert found.completion_rate == 33.33
    assert found.engagement_score == 10.0
