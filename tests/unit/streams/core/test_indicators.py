"""Version 1.0 of the indicators on whole documents (docs/indicators.md): the LMS's results, and one by hand."""

from __future__ import annotations

from types import SimpleNamespace

import orjson
import pytest

from streams.core import indicators
from streams.core.errors import UnknownAlgorithm
from streams.core.indicators import Indicators, compute, v1_0
from streams.core.slim import slim
from tests.support.documents import DATA, documents
from tests.support.indicators import computed, exactly
from tests.support.payloads import attempt, document, step

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
