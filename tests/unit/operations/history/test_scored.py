"""Who set the scores of the LMS's rows."""

from __future__ import annotations

from typing import Any

import pytest

from operations.history.rows import TelemetryRow
from operations.history.scored import agree, by_formulas, by_lms, fails_in_lms, set_by_staff
from tests.chaos.load import documents
from tests.support.lms import telemetry_of

BEGIN = 1_700_000_000_000
STEP: dict[str, Any] = {
    "slug": "a",
    "opened_at": BEGIN,
    "compilations": [{"started_at": BEGIN, "ended_at": "2023-11-15T01:13:30+03:00", "exit_code": 1}],
    "tests": [],
}
DOCUMENT: dict[str, Any] = {
    "tutorial_started_at": BEGIN,
    "last_interaction_at": BEGIN + 60_000,
    "workout_session": [{}],
    "steps": [STEP],
}


def row(scores: dict[str, Any]) -> TelemetryRow:
    """A row with these scores."""
    return TelemetryRow(id=1, at=1, user=1, asset_slug="a", document=b"{}", scores=scores)


def test_what_the_lms_computes_is_not_staffs() -> None:
    """By its formulas, by its error with offsets, or of an earlier document, whose metrics it stored beside it."""
    assert set_by_staff(row(by_formulas(DOCUMENT)), DOCUMENT) == {}
    assert set_by_staff(row(by_lms(DOCUMENT)), DOCUMENT) == {}
    for document in documents():
        earlier = telemetry_of(1, "a", document, 1).scores
        assert set_by_staff(row(earlier), DOCUMENT) == {}


def test_what_agrees_with_nothing_is_staffs() -> None:
    """Also where there is no document, or a version of the algorithm, which the LMS leaves null."""
    computed = telemetry_of(1, "a", DOCUMENT, 1).scores
    for scores in (
        {"engagement_score": 99.0},
        computed | {"frustration_score": 99.0},
        computed | {"metrics_algo_version": 1.0},
        {"completion_rate": 50.0},
    ):
        assert set_by_staff(row(scores), DOCUMENT) == scores
    assert set_by_staff(row(computed), None) == computed
    assert set_by_staff(row({}), None) == {}


def test_the_lms_drops_offsets_of_iso_times() -> None:
    """The attempt ended a minute and a half after the step was opened, at +03:00; the LMS counts three hours more."""
    assert by_lms(DOCUMENT)["frustration_score"] > by_formulas(DOCUMENT)["frustration_score"]
    without = DOCUMENT | {"steps": [STEP | {"compilations": [{"ended_at": "2023-11-14T22:13:30Z", "exit_code": 1}]}]}
    assert agree(by_lms(without), by_formulas(without))


def test_scores_agree_to_the_second_decimal() -> None:
    """Null agrees with null alone."""
    assert agree({"engagement_score": 1.234}, {"engagement_score": 1.2301, "frustration_score": None})
    assert not agree({"engagement_score": 1.24}, {"engagement_score": 1.25})
    assert not agree({"engagement_score": 0}, {})


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (DOCUMENT, None),
        ({key: value for key, value in DOCUMENT.items() if key != "last_interaction_at"}, "last_interaction_at"),
        (DOCUMENT | {"steps": None}, "steps"),
        (DOCUMENT | {"steps": [{"tests": [], "compilations": []}]}, "a step's slug"),
        (DOCUMENT | {"steps": [{"slug": "a", "tests": []}]}, "a step's compilations"),
        (DOCUMENT | {"steps": [{"slug": "a", "tests": [{}], "compilations": []}]}, "a test's exit_code"),
    ],
)
def test_what_the_lms_cannot_compute_with_is_named(document: dict[str, Any], why: str | None) -> None:
    """Its row then keeps the scores of before."""
    assert fails_in_lms(document) == why
