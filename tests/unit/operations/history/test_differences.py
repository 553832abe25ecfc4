"""Why a row's scores are here what they are in the LMS, or are not."""

from __future__ import annotations

from typing import Any

import pytest

from operations.history.differences import Here, Kind, compare
from operations.history.rows import TelemetryRow
from operations.history.scored import by_formulas, by_lms
from tests.support.lms import telemetry_of

BEGIN = 1_700_000_000_000
LAST = BEGIN + 60_000
# The attempt ended half a minute after the step was opened, with an offset that the LMS drops.
DOCUMENT: dict[str, Any] = {
    "telemetry_id": "run",
    "tutorial_started_at": BEGIN,
    "last_interaction_at": LAST,
    "workout_session": [{}],
    "steps": [
        {
            "slug": "a",
            "opened_at": BEGIN,
            "compilations": [{"ended_at": "2023-11-15T01:13:50+03:00", "exit_code": 1}],
            "tests": [],
        }
    ],
}
RIGHT = by_formulas(DOCUMENT)
NOTHING: dict[str, Any] = {}
OTHER = {"engagement_score": 99.0}
EARLIER = telemetry_of(7, "a", DOCUMENT | {"workout_session": []}, 1).scores


def row(scores: dict[str, Any]) -> TelemetryRow:
    """A row of the LMS."""
    return TelemetryRow(id=1, at=1, user=7, asset_slug="a", document=b"", scores=scores)


def here(scores: dict[str, Any], slug: str = "a", run: str = "run", last: int = LAST) -> Here:
    """A row of ours."""
    return Here(slug, run, last, scores)


@pytest.mark.parametrize(
    ("stored", "document", "found", "kind", "detail"),
    [
        (RIGHT, DOCUMENT, here(RIGHT), Kind.EQUAL, ""),
        (RIGHT, DOCUMENT, here(RIGHT, "b"), Kind.CANONICAL, "under b"),
        (by_lms(DOCUMENT), DOCUMENT, here(RIGHT), Kind.OFFSETS, ""),
        (by_lms(DOCUMENT), DOCUMENT, here(RIGHT, "b"), Kind.OFFSETS, "under b"),
        (NOTHING, DOCUMENT, here(RIGHT), Kind.UNSCORED, ""),
        (RIGHT, DOCUMENT, here(NOTHING), Kind.UNEXPLAINED, ""),
        (NOTHING, DOCUMENT, here(OTHER), Kind.UNEXPLAINED, ""),
        (RIGHT, DOCUMENT, here(OTHER, last=LAST + 1), Kind.NEWER, ""),
        (by_lms(DOCUMENT), DOCUMENT, here(OTHER, last=LAST + 1), Kind.OFFSETS, ""),
        (NOTHING, DOCUMENT, here(OTHER, last=LAST + 1), Kind.UNSCORED, ""),
        ({"completion_rate": 50.0}, DOCUMENT, here(OTHER, last=LAST + 1), Kind.NEWER, "staff had set the scores"),
        (EARLIER, DOCUMENT, here(OTHER, last=LAST + 1), Kind.UNEXPLAINED, ""),
        (RIGHT, DOCUMENT, here({"engagement_score": 99.0}), Kind.UNEXPLAINED, ""),
        (RIGHT, None, here({"engagement_score": 99.0}), Kind.UNEXPLAINED, ""),
        (RIGHT, DOCUMENT, None, Kind.MISSING, ""),
        (RIGHT, DOCUMENT, here(RIGHT, "b", "another"), Kind.MISSING, ""),
        (NOTHING, None, None, Kind.EQUAL, ""),
    ],
)
def test_each_difference_has_its_kind(
    stored: dict[str, Any], document: dict[str, Any] | None, found: Here | None, kind: Kind, detail: str
) -> None:
    """Known errors of the LMS, what came since, and what somebody has to look at."""
    compared = compare(row(stored), document, [] if found is None else [found])
    assert (compared.kind, compared.detail) == (kind, detail)


def test_what_a_document_lacks_is_named() -> None:
    """The LMS fails on it, and leaves the scores of the document before."""
    lacking = {name: value for name, value in DOCUMENT.items() if name != "last_interaction_at"}
    compared = compare(row({"engagement_score": 3.0}), lacking, [here(by_formulas(lacking))])
    assert (compared.kind, compared.detail) == (Kind.INCOMPLETE, "without last_interaction_at")
    assert compare(row({"engagement_score": 3.0}), lacking, [here(OTHER, last=0)]).kind is Kind.UNEXPLAINED
    assert compare(row({}), lacking, [here(by_formulas(lacking))]).kind is Kind.INCOMPLETE


def test_nothing_is_scored_here_where_the_directory_says_so() -> None:
    """Of a tutorial that is graded scores are expected."""
    for graded, kind in (({"b"}, Kind.UNGRADED), ({"a"}, Kind.UNEXPLAINED)):
        assert compare(row(RIGHT), DOCUMENT, [here(NOTHING)], graded.__contains__).kind is kind


def test_only_what_is_missing_or_unexplained_wants_a_look() -> None:
    """Every other kind has its reason."""
    assert {kind for kind in Kind if not kind.is_explained} == {Kind.MISSING, Kind.UNEXPLAINED}
    assert all(kind.explanation for kind in Kind)
