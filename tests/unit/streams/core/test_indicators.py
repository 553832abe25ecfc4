"""Version 1.0 of the indicators, sentence by sentence (docs/indicators.md); numbers are worked out by hand."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from streams.core import indicators
from streams.core.errors import UnknownAlgorithm
from streams.core.indicators import Indicators, compute, v1_0
from streams.core.slim import slim
from tests.support.documents import DATA, documents
from tests.support.payloads import START, attempt, document, iso, milliseconds, step


def computed(*steps: dict[str, Any], **fields: Any) -> Indicators:
    """The indicators of a payload with these steps."""
    return compute(slim(document(*steps, **fields)))


def of_step(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The result of the last of these steps."""
    found: dict[str, Any] = computed(*steps, **fields).result["steps"][-1]
    return found


def metrics_of(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The global metrics of a payload with these steps."""
    found: dict[str, Any] = computed(*steps, **fields).result["global"]["metrics"]
    return found


def exactly(value: Any) -> str:
    """JSON text: the order of keys, and integers apart from floats."""
    return json.dumps(value)


GOLDEN = orjson.loads((DATA / "indicators-1.0.json").read_bytes())


@pytest.mark.parametrize("name", documents())
def test_real_documents_score_as_in_the_lms(name: str) -> None:
    """The result of a real document is the LMS's, key for key and digit for digit."""
    assert exactly(compute(slim(documents()[name])).result) == exactly(GOLDEN[name])


def test_every_real_document_has_an_expected_result() -> None:
    """No bundled document is left unchecked."""
    assert list(GOLDEN) == list(documents())


def test_a_document_with_a_step_of_each_status() -> None:
    """All metrics and scores of one document, with their places, keys and types."""
    found = computed(
        step(
            "done",
            0,
            120.5,
            compilations=[attempt(10, 1), attempt(20, None), attempt(30, 0), attempt(40, 1)],
            tests=[attempt(50, 1), attempt(60, 0)],
        ),
        step("tried", 200, compilations=[attempt(210, 1, 260)], tests=[attempt(300, 1, 500)]),
        step("left", 600),
        step("unread", compilations=[attempt(1, 1), attempt(2, 1)]),
        step("read", 700, 1000.25),
        last=3600,
        sessions=2,
    )

    assert exactly(found.result) == exactly(
        {
            "algo_version": 1.0,
            "global": {
                "metrics": {
                    "total_time_on_platform": 3600.0,
                    "num_sessions": 2,
                    "completion_rate": 40.0,
                    "total_interactions": 10,
                    "steps_not_completed": 3,
                    "time_on_incomplete": 2100.0,
                    "avg_comp_struggles": 0.6,
                    "avg_test_struggles": 0.4,
                    "skipped_steps": 1,
                    "total_steps": 5,
                },
                # 0.3*10 + 0.2*40 + 0.3*40 + 0.2*10; 0.3*60 + 0.2*11.667 + 0.2*6 + 0.2*4 + 0.1*20
                "indicators": {"EngagementIndicator": 25.0, "FrustrationIndicator": 24.33},
            },
            "steps": [
                {
                    "slug": "done",
                    "metrics": {"status": "completed", "time_spent": 120.5, "comp_struggles": 2, "test_struggles": 1},
                    "indicators": {"EngagementIndicator": 3.35, "FrustrationIndicator": 15.0},
                },
                {
                    "slug": "tried",
                    "metrics": {"status": "attempted", "time_spent": 300.0, "comp_struggles": 1, "test_struggles": 1},
                    "indicators": {"EngagementIndicator": 8.33, "FrustrationIndicator": 16.67},
                },
                {
                    "slug": "left",
                    "metrics": {"status": "skipped", "time_spent": 1800, "comp_struggles": 0, "test_struggles": 0},
                    "indicators": {"EngagementIndicator": 0, "FrustrationIndicator": 25.0},
                },
                {
                    "slug": "unread",
                    "metrics": {"status": "unread", "time_spent": 0, "comp_struggles": 0, "test_struggles": 0},
                    "indicators": {"EngagementIndicator": 0, "FrustrationIndicator": 0.0},
                },
                {
                    "slug": "read",
                    "metrics": {"status": "completed", "time_spent": 300.25, "comp_struggles": 0, "test_struggles": 0},
                    "indicators": {"EngagementIndicator": 8.34, "FrustrationIndicator": 0.0},
                },
            ],
        }
    )
    assert (
        found.engagement_score,
        found.frustration_score,
        found.completion_rate,
        found.total_time,
        found.version,
    ) == (
        25.0,
        24.33,
        40.0,
        3600.0,
        1.0,
    )


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


@pytest.mark.parametrize("missing", ["last_interaction_at", "tutorial_started_at", "steps", "workout_session"])
def test_a_document_that_lacks_a_root_key_is_computed_with_null(missing: str) -> None:
    """A missing root key, and a null one, counts as null or an empty list."""
    whole = document(step("a", 0, tests=[attempt(1, 1, 5)]), step("b", 0), last=60)
    without = {name: value for name, value in whole.items() if name != missing}

    assert compute(slim(without)) == compute(slim({**whole, missing: None}))
    assert compute(slim(without)) != compute(slim(whole))


def test_null_lists_are_empty() -> None:
    """A step whose lists are null has no attempts."""
    assert computed(step("a", 0, compilations=None, tests=None)) == computed(step("a", 0))


def test_a_step_without_a_slug_has_a_null_one() -> None:
    """The result keeps the step and shows its slug as null; an empty slug stays empty."""
    found = computed({"opened_at": START}, {"slug": ""}, {"slug": None}, {"slug": 3})

    assert [own["slug"] for own in found.result["steps"]] == [None, "", None, 3]


def test_a_test_without_an_exit_code_is_no_struggle() -> None:
    """It counts as an interaction and makes a step attempted, but it neither fails nor succeeds."""
    own = of_step(step("a", 0, tests=[attempt(1), attempt(2, 1)]))["metrics"]

    assert (own["status"], own["test_struggles"]) == ("attempted", 1)
    assert of_step(step("a", 0, 9, tests=[attempt(1), attempt(2, 1)]))["metrics"]["test_struggles"] == 1


def test_an_unknown_version_is_named_with_those_that_exist() -> None:
    """Asking for a version that does not exist says which ones do."""
    with pytest.raises(UnknownAlgorithm, match=r"^Indicators have no version 9\.9; choose one of: ") as raised:
        compute(slim({}), 9.9)

    assert (raised.value.version, raised.value.known) == (9.9, tuple(indicators.ALGORITHMS))
    assert str(raised.value).endswith(f": {', '.join(map(str, indicators.ALGORITHMS))}.")


def test_another_version_stands_beside_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that is entered is computed when asked for; the first stays what is computed otherwise."""
    nothing = Indicators({"algo_version": 1.1}, 0, 0, 0, 0, 1.1)
    other = SimpleNamespace(
        VERSION=1.1, SCORES=v1_0.SCORES, measure=v1_0.measure, score=v1_0.score, compute=lambda _: nothing
    )
    monkeypatch.setattr(indicators, "ALGORITHMS", {**indicators.ALGORITHMS, 1.1: other})
    whole = slim(document(step("a", 0, 9)))

    assert compute(whole, 1.1) is nothing
    assert compute(whole).version == compute(whole, 1.0).version == 1.0
