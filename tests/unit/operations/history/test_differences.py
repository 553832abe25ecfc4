"""Why a row's scores are here what they are in the LMS, or are not."""

from __future__ import annotations

from typing import Any

import pytest

from operations.history.differences import Kind, compare, counterpart
from operations.history.here import Held, Here
from operations.history.rows import TelemetryRow
from operations.history.scored import agree, by_formulas, by_lms
from streams.core.scores import MOST_ITEMS
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
    return TelemetryRow(id=1, at=LAST * 1000, user=7, asset_slug="a", document=b"", scores=scores)


def here(scores: dict[str, Any], slug: str = "a", run: str = "run", last: int = LAST, **more: Any) -> Here:
    """A row of ours."""
    return Here(slug, run, last, scores, **more)


# A minute later the student has solved it; or a streamed attempt tells so before the next batch does.
LATER: dict[str, Any] = DOCUMENT | {
    "last_interaction_at": LAST + 60_000,
    "steps": [DOCUMENT["steps"][0] | {"completed_at": LAST + 60_000}],
}
GONE_ON = by_formulas(LATER)
STREAMED = {
    "last_interaction_at": LAST + 60_000,
    "steps": [{"slug": "a", "position": 0, "completed_at": LAST + 60_000}],
}
AFTER = LAST + 60_000
HELD, BATCH, STREAM = Held(DOCUMENT), Held(LATER), Held(DOCUMENT, STREAMED)
STAFFS = {"engagement_score": 77.0}


@pytest.mark.parametrize(
    ("stored", "document", "found", "held", "kind", "detail"),
    [
        (RIGHT, DOCUMENT, here(RIGHT), HELD, Kind.EQUAL, ""),
        (RIGHT, DOCUMENT, here(RIGHT, "b"), HELD, Kind.CANONICAL, "under b"),
        (by_lms(DOCUMENT), DOCUMENT, here(RIGHT), HELD, Kind.OFFSETS, ""),
        (by_lms(DOCUMENT), DOCUMENT, here(RIGHT, "b"), HELD, Kind.OFFSETS, "under b"),
        (NOTHING, DOCUMENT, here(RIGHT), HELD, Kind.UNSCORED, ""),
        (RIGHT, DOCUMENT, here(NOTHING), HELD, Kind.UNEXPLAINED, ""),
        (NOTHING, DOCUMENT, here(OTHER), HELD, Kind.UNEXPLAINED, ""),
        (RIGHT, DOCUMENT, here(GONE_ON, last=AFTER), BATCH, Kind.NEWER, ""),
        (RIGHT, DOCUMENT, here(GONE_ON, last=AFTER), STREAM, Kind.NEWER, ""),
        (by_lms(DOCUMENT), DOCUMENT, here(GONE_ON, last=AFTER), STREAM, Kind.OFFSETS, ""),
        (NOTHING, DOCUMENT, here(GONE_ON, last=AFTER), STREAM, Kind.UNSCORED, ""),
        (EARLIER, DOCUMENT, here(GONE_ON, last=AFTER), BATCH, Kind.UNEXPLAINED, ""),
        (RIGHT, DOCUMENT, here(STAFFS), HELD, Kind.UNEXPLAINED, ""),
        (RIGHT, None, here(STAFFS), HELD, Kind.UNEXPLAINED, ""),
        (RIGHT, DOCUMENT, None, HELD, Kind.MISSING, ""),
        (NOTHING, None, None, HELD, Kind.EQUAL, ""),
    ],
)
def test_each_difference_has_its_kind(  # noqa: PLR0917 - the columns of a table
    stored: dict[str, Any], document: dict[str, Any] | None, found: Here | None, held: Held, kind: Kind, detail: str
) -> None:
    """Known errors of the LMS, what came since, and what somebody has to look at."""
    compared = compare(row(stored), document, found, held)
    assert (compared.kind, compared.detail) == (kind, detail)


@pytest.mark.parametrize(
    ("scores", "held"),
    [
        ({"engagement_score": 0.0, "frustration_score": 99.0, "completion_rate": 0.0}, STREAM),
        ({"engagement_score": 0.0, "frustration_score": 99.0, "completion_rate": 0.0}, BATCH),
        (NOTHING, Held(None, STREAMED)),
        (by_formulas(DOCUMENT | {"steps": []}), Held(DOCUMENT | {"steps": [], "last_interaction_at": LAST - 1})),
    ],
    ids=["streamed", "batch", "batch lost", "older batch"],
)
def test_newer_is_only_what_its_own_document_gives(scores: dict[str, Any], held: Held) -> None:
    """A later interaction explains nothing by itself, nor does what was streamed behind a batch that was lost."""
    assert compare(row(RIGHT), DOCUMENT, here(scores, last=LAST + 1), held).kind is Kind.UNEXPLAINED


@pytest.mark.parametrize(
    ("stored", "found", "held", "kind", "detail"),
    [
        (STAFFS, here(RIGHT | STAFFS), HELD, Kind.EQUAL, "staff had set scores"),
        (STAFFS, here(RIGHT | STAFFS, "b"), HELD, Kind.CANONICAL, "under b, staff had set scores"),
        (STAFFS, here(GONE_ON | STAFFS, last=AFTER), STREAM, Kind.EQUAL, "staff had set scores"),
        (STAFFS, here(GONE_ON, last=AFTER), BATCH, Kind.NEWER, "staff had set the scores"),
        (STAFFS, here(RIGHT), HELD, Kind.UNEXPLAINED, ""),
        (STAFFS, here(RIGHT, last=LAST + 1), HELD, Kind.UNEXPLAINED, ""),
        (STAFFS, here(GONE_ON, last=AFTER), STREAM, Kind.UNEXPLAINED, ""),
        (STAFFS, here(OTHER, last=AFTER), BATCH, Kind.UNEXPLAINED, ""),
        (RIGHT | STAFFS, here(RIGHT, last=LAST + 1), HELD, Kind.UNEXPLAINED, ""),
    ],
)
def test_what_staff_had_set_holds_until_the_next_batch(
    stored: dict[str, Any], found: Here, held: Held, kind: Kind, detail: str
) -> None:
    """Beside it the LMS may have nulls; here the others are computed."""
    compared = compare(row(stored), DOCUMENT, found, held)
    assert (compared.kind, compared.detail) == (kind, detail)


def test_another_algorithm_is_told() -> None:
    """The LMS has version 1.0 alone; what is here is held to the version that computed it."""
    steps = [
        {**DOCUMENT["steps"][0], "slug": slug, "position": place, "opened_at": BEGIN + place * 1000}
        for place, slug in enumerate("abc")
    ]
    document = DOCUMENT | {"steps": steps, "last_interaction_at": BEGIN - 10_000_000}
    lms, ours = by_formulas(document), by_formulas(document, 1.1)
    assert not agree(lms, ours)
    last = BEGIN - 10_000_000
    compared = compare(row(lms), document, here(ours, last=last, algorithm=1.1), Held(document))
    assert (compared.kind, compared.detail) == (Kind.ALGORITHM, "1.1 here")
    assert compare(row(lms), document, here(ours, last=last), Held(document)).kind is Kind.UNEXPLAINED


def test_a_clock_that_was_ahead_makes_no_document_the_newest() -> None:
    """What was stored here after the LMS's row is newer, whatever time that document tells."""
    ahead = DOCUMENT | {"last_interaction_at": LAST + 200 * 86_400_000_000}
    scores = by_formulas(ahead)
    assert not agree(scores, GONE_ON)
    stored = TelemetryRow(id=1, at=LAST * 1000, user=7, asset_slug="a", document=b"", scores=scores)
    for at, kind in ((AFTER, Kind.NEWER), (LAST - 1, Kind.UNEXPLAINED)):
        found = here(GONE_ON, last=AFTER, at=at)
        assert compare(stored, ahead, found, Held(LATER, at=at)).kind is kind


def test_what_streams_beyond_what_is_read_back_is_not_held_to_it() -> None:
    """An overlay has the newest five hundred items, and scores count all of them."""
    items = [{"started_at": LAST + number, "ended_at": None, "exit_code": 1} for number in range(MOST_ITEMS)]
    overlay = {"last_interaction_at": AFTER, "steps": [{"slug": "a", "position": 0, "compilations": items}]}
    found = here(RIGHT | {"frustration_score": 100.0}, last=AFTER)
    assert compare(row(RIGHT), DOCUMENT, found, Held(DOCUMENT, overlay)).kind is Kind.NEWER
    assert compare(row(RIGHT), DOCUMENT, found, STREAM).kind is Kind.UNEXPLAINED


def test_what_a_document_lacks_is_named() -> None:
    """The LMS fails on it, and leaves the scores of the document before."""
    lacking = {name: value for name, value in DOCUMENT.items() if name != "last_interaction_at"}
    computed = row(EARLIER)
    compared = compare(computed, lacking, here(by_formulas(lacking)), Held(lacking))
    assert (compared.kind, compared.detail) == (Kind.INCOMPLETE, "without last_interaction_at")
    assert compare(computed, lacking, here(OTHER, last=0), Held(lacking)).kind is Kind.UNEXPLAINED
    assert compare(row({}), lacking, here(by_formulas(lacking)), Held(lacking)).kind is Kind.INCOMPLETE


def test_nothing_is_scored_here_where_the_directory_says_so() -> None:
    """Of a tutorial that is graded scores are expected."""
    for graded, kind in (({"b"}, Kind.UNGRADED), ({"a"}, Kind.UNEXPLAINED)):
        assert compare(row(RIGHT), DOCUMENT, here(NOTHING), HELD, graded.__contains__).kind is kind


def test_the_counterpart_is_of_the_tutorial_else_of_the_run() -> None:
    """Under its canonical slug it is of the same run."""
    ours, translation = here(RIGHT, run="other"), here(RIGHT, "b")
    assert counterpart(row(RIGHT), DOCUMENT, [translation, ours]) is ours
    assert counterpart(row(RIGHT), DOCUMENT, [translation]) is translation
    assert counterpart(row(RIGHT), DOCUMENT, [here(RIGHT, "b", "other")]) is None
    assert counterpart(row(RIGHT), None, [translation]) is None


def test_only_what_is_missing_or_unexplained_wants_a_look() -> None:
    """Every other kind has its reason."""
    assert {kind for kind in Kind if not kind.is_explained} == {Kind.MISSING, Kind.UNEXPLAINED}
    assert all(kind.explanation for kind in Kind)
