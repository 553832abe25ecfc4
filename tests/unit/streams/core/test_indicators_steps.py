"""What version 1.0 of the indicators says of a step (docs/indicators.md): status, time, struggles and scores."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.indicators import computed, exactly, of_step
from tests.support.payloads import START, attempt, iso, milliseconds, step


@pytest.mark.parametrize("opened", [{}, {"opened_at": None}, {"opened_at": "soon"}])
def test_a_step_that_was_not_opened_is_unread(opened: dict[str, Any]) -> None:
    """Without an `opened_at`, completion and attempts do not count for the step."""
    own = of_step({"slug": "a", "completed_at": START, "tests": [attempt(1, 1)], **opened}, last=60)

    assert exactly(own["metrics"]) == exactly(
        {"status": "unread", "time_spent": 0, "comp_struggles": 0, "test_struggles": 0}
    )


def test_completion_time_is_not_capped() -> None:
    """A completed step lasts from opening to completion, however long."""
    own = of_step(step("a", 0, 7200), last=60)

    assert exactly(own) == exactly(
        {
            "slug": "a",
            "metrics": {"status": "completed", "time_spent": 7200.0, "comp_struggles": 0, "test_struggles": 0},
            "indicators": {"EngagementIndicator": 100, "FrustrationIndicator": 0.0},
        }
    )


@pytest.mark.parametrize("completed", [None, "soon", []])
def test_a_completion_that_does_not_parse_is_none(completed: Any) -> None:
    """A `completed_at` that is no time leaves the step skipped."""
    assert of_step(step("a", 0, completed_at=completed))["metrics"]["status"] == "skipped"


@pytest.mark.parametrize("kind", ["compilations", "tests"])
@pytest.mark.parametrize(
    ("items", "struggles"),
    [
        ([attempt(1, 0)], 0),
        ([attempt(1, 1), attempt(2, 1), attempt(3, 0), attempt(4, 1), attempt(5, 0)], 2),
        ([attempt(1, 1), attempt(2, 2), attempt(3, 139)], 3),
        ([attempt(1, None), attempt(2, 0)], 1),
        ([attempt(1, None), attempt(2, None)], 2),
        ([attempt(1), attempt(2, 1), attempt(3), attempt(4, 0)], 1),
        # Out of order: the success comes second by its start.
        ([attempt(30, 0), attempt(20, 1), attempt(40, 1)], 1),
        # A tie keeps the order of the list.
        ([attempt(5, 1), attempt(5, 0), attempt(5, 1)], 1),
        ([attempt(5, 0), attempt(5, 1), attempt(5, 1)], 0),
        # Without a start, or with one that does not parse, it counts as 0 and comes first.
        ([attempt(5, 1), attempt(None, 0)], 0),
        ([attempt(5, 1), {"starting_at": "soon", "exit_code": 0}], 0),
        ([attempt(5, 1), {"starting_at": -1, "exit_code": 0}, attempt(None, 1)], 0),
        # Text and numbers are one order.
        (
            [
                {"started_at": iso(9), "exit_code": 0},
                attempt(3, 1),
                {"started_at": str(milliseconds(6)), "exit_code": 1},
            ],
            2,
        ),
    ],
)
def test_struggles_of_a_completed_step_are_the_failures_before_its_first_success(
    kind: str, items: list[dict[str, Any]], struggles: int
) -> None:
    """In order of start; all failures where nothing succeeded; attempts without the key `exit_code` do not count."""
    own = of_step(step("a", 0, 60, **{kind: items}))["metrics"]

    assert own["status"] == "completed"
    assert (own["comp_struggles"], own["test_struggles"]) == (
        (struggles, 0) if kind == "compilations" else (0, struggles)
    )


@pytest.mark.parametrize("kind", ["compilations", "tests"])
def test_struggles_of_an_attempted_step_are_all_its_failures(kind: str) -> None:
    """A success does not end the count while the step is not completed."""
    items = [attempt(1, 1), attempt(2, 0), attempt(3, 1), attempt(4, None), attempt(5)]
    lists: dict[str, Any] = {kind: items}
    own = of_step(step("a", 0, **lists))["metrics"]

    assert own["status"] == "attempted"
    assert (own["comp_struggles"], own["test_struggles"]) == ((3, 0) if kind == "compilations" else (0, 3))


def test_compilations_and_tests_struggle_each_for_themselves() -> None:
    """A compilation that succeeds does not end the struggles with tests."""
    own = of_step(step("a", 0, 60, compilations=[attempt(1, 0)], tests=[attempt(2, 1), attempt(3, 0)]))["metrics"]

    assert (own["comp_struggles"], own["test_struggles"]) == (0, 1)


@pytest.mark.parametrize(
    ("fields", "last", "spent"),
    [
        # The latest end of both lists, whatever its form and its place.
        ({"compilations": [attempt(1, 1, 90)], "tests": [attempt(2, 1, 30)]}, 600, 90.0),
        ({"compilations": [attempt(1, 1, 30)], "tests": [attempt(2, 1, 90.25), attempt(3, 1, 80)]}, 600, 90.25),
        ({"compilations": [{"starting_at": START, "ended_at": iso(45.5), "exit_code": 0}]}, 600, 45.5),
        ({"compilations": [{"starting_at": START, "ending_at": milliseconds(20)}]}, 600, 20.0),
        # An offset is applied: 10:01 at +01:00 is 09:01 UTC.
        ({"compilations": [{"starting_at": START, "ended_at": "2025-03-03T10:01:00+01:00"}]}, 600, 60.0),
        # No end parses: the document's last interaction; 0 if that is unknown, too.
        ({"tests": [attempt(None, 1)]}, 600, 600.0),
        ({"tests": [{"ended_at": "soon", "exit_code": 1}]}, 600, 600.0),
        ({"tests": [attempt(None, 1)]}, None, 0),
        # At most half an hour, then the integer; not one that is reached.
        ({"tests": [attempt(1, 1, 1800)]}, 600, 1800.0),
        ({"tests": [attempt(1, 1, 1800.001)]}, 600, 1800),
        ({"tests": [attempt(None, 1)]}, 7200, 1800),
        # A wrong clock is not floored.
        ({"tests": [attempt(-90, 1, -60)]}, 600, -60.0),
    ],
)
def test_an_attempted_step_lasts_until_its_last_attempt_ended(
    fields: dict[str, Any], last: float | None, spent: float
) -> None:
    """From opening to the latest end, at most 1800 s."""
    own = of_step(step("a", 0, **fields), last=last)["metrics"]

    assert own["status"] == "attempted"
    assert exactly(own["time_spent"]) == exactly(spent)


@pytest.mark.parametrize(
    ("last", "spent"), [(60.5, 60.5), (1800, 1800.0), (1800.001, 1800), (None, 0), (-10, -10.0), (0, 0.0)]
)
def test_a_skipped_step_lasts_until_the_last_interaction(last: float | None, spent: float) -> None:
    """From opening to the document's last interaction, at most 1800 s; 0 where that is unknown."""
    own = of_step(step("a", 0, compilations=[], tests=None), last=last)

    assert exactly(own) == exactly(
        {
            "slug": "a",
            "metrics": {"status": "skipped", "time_spent": spent, "comp_struggles": 0, "test_struggles": 0},
            "indicators": {"EngagementIndicator": 0, "FrustrationIndicator": 25.0},
        }
    )


@pytest.mark.parametrize(
    ("completed", "score"), [(36, 1.0), (3599, 99.97), (3600, 100.0), (3600.001, 100), (-36, -1.0), (0, 0.0)]
)
def test_engagement_of_a_step_is_its_share_of_an_hour(completed: float, score: float) -> None:
    """Full after an hour, then the integer 100; negative with a wrong clock."""
    assert exactly(of_step(step("a", 0, completed))["indicators"]["EngagementIndicator"]) == exactly(score)


def test_engagement_of_an_attempted_step_is_its_share_of_an_hour() -> None:
    """Attempted steps engage as completed ones do: 1800 of 3600 s."""
    assert exactly(of_step(step("a", 0, tests=[attempt(1, 1, 1900)]))["indicators"]["EngagementIndicator"]) == "50.0"


@pytest.mark.parametrize(
    ("compilations", "tests", "score"), [(0, 0, 0.0), (1, 0, 5.0), (3, 4, 35.0), (12, 8, 100.0), (12, 9, 100)]
)
def test_frustration_of_a_completed_step_is_its_share_of_20_struggles(
    compilations: int, tests: int, score: float
) -> None:
    """Struggles of both kinds add up; 20 are full, and beyond them it is the integer 100."""
    own = of_step(
        step(
            "a",
            0,
            60,
            compilations=[attempt(n, 1) for n in range(compilations)],
            tests=[attempt(n, 1) for n in range(tests)],
        )
    )

    assert exactly(own["indicators"]["FrustrationIndicator"]) == exactly(score)


@pytest.mark.parametrize(("ended", "score"), [(18, 1.0), (1800, 100.0), (1900, 100.0), (-18, -1.0)])
def test_frustration_of_an_attempted_step_is_its_share_of_half_an_hour(ended: float, score: float) -> None:
    """Full after 1800 s; struggles do not count, and a wrong clock makes it negative."""
    own = of_step(step("a", 0, tests=[attempt(1, 1, ended), attempt(1, 1, ended)]))

    assert exactly(own["indicators"]["FrustrationIndicator"]) == exactly(score)


def test_a_step_without_a_slug_has_a_null_one() -> None:
    """The result keeps the step and shows its slug as null; an empty slug stays empty."""
    found = computed({"opened_at": START}, {"slug": ""}, {"slug": None}, {"slug": 3})

    assert [own["slug"] for own in found.result["steps"]] == [None, "", None, 3]


def test_a_test_without_an_exit_code_is_no_struggle() -> None:
    """It counts as an interaction and makes a step attempted, but it neither fails nor succeeds."""
    own = of_step(step("a", 0, tests=[attempt(1), attempt(2, 1)]))["metrics"]

    assert (own["status"], own["test_struggles"]) == ("attempted", 1)
    assert of_step(step("a", 0, 9, tests=[attempt(1), attempt(2, 1)]))["metrics"]["test_struggles"] == 1
