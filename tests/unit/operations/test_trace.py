"""What `trace` prints of what it found."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deploy.cli.trace import lines
from operations.trace import Trace, no_outcome, no_row


@pytest.mark.parametrize(
    ("version", "whose"),
    [
        (7, "this webhook's"),
        (8, "webhook version 8, which came later"),
        (6, "webhook version 6, which came before"),
    ],
)
def test_a_row_is_that_of_the_webhook_that_left_it(version: int, whose: str) -> None:
    """The sink may have stored an earlier webhook's scores and not yet this one's: that one did not come later."""
    row = {"actor": "9", "asset_slug": "lists", "updated_at": "2026-03-02 08:00:00.000", "version": version}
    found = Trace(7, 0, 7, scores=[{**row, "by_it": version == 7, "later": version > 7}])

    assert ("scores", f"9 in lists, 2026-03-02 08:00:00.000 UTC, state of {whose}") in list(lines(found))


def test_what_nobody_knows_is_said_in_words() -> None:
    """A webhook that names no student, or a tutorial that the directory has not, shows no None."""
    outcome = {"status": "DONE", "verdict": "stored", "status_text": "OK", "event": "batch", "student_id": 7}
    found = Trace(7, 0, 7, outcome={**outcome, "asset_id": None, "updated_at": "2026-03-02 08:00:00.000", "version": 7})

    assert ("as", "batch of student 7, asset not known") in list(lines(found))


def test_what_is_left_out_is_told() -> None:
    """A webhook of thousands of facts shows some of them and says so."""
    found = Trace(7, 0, 7, more=["facts"])

    assert ("more", "only the first 200 facts are shown; the tables have all of them") in list(lines(found))


@pytest.mark.parametrize(
    ("verdict", "why"),
    [
        ("error", "it was refused"),
        ("ignored", "it was ignored"),
        ("dead", "it could not be processed"),
        ("duplicate", "it told nothing that was not known"),
    ],
)
def test_why_there_are_no_facts_is_told(verdict: str, why: str) -> None:
    """A webhook that nobody asked what it tells did not repeat what was known."""
    outcome = dict.fromkeys(("status", "status_text", "event", "student_id", "asset_id", "updated_at", "version"))
    found = Trace(7, 0, 7, outcome={**outcome, "verdict": verdict})

    assert ("facts", f"none: {why}") in list(lines(found))


def test_nobody_waits_for_an_outcome_that_has_expired() -> None:
    """Imported history may be older than the log of webhooks goes back, and longer in the raw topic."""
    now = datetime(2026, 3, 31, tzinfo=UTC)
    assert no_outcome("2026-02-26 00:00:00.000", 32, now) == (
        "nothing: its outcome has expired, for outcomes are kept for 32 days"
    )
    assert no_outcome("2026-02-26 00:00:00.000", 1, now).endswith("for 1 day")
    for arrived, days in (("2026-02-28 00:00:00.000", 32), (None, 32), ("2019-02-28 00:00:00.000", None)):
        assert no_outcome(arrived, days, now).startswith("the sink: ")


def test_nobody_waits_for_a_row_that_has_expired() -> None:
    """The table `raw` may keep rows for a shorter time than their outcomes, or for ever."""
    now = datetime(2026, 3, 31, tzinfo=UTC)
    gone = no_row("2026-03-20 00:00:00.000", 7, now)
    assert gone == "nothing: its row in `raw` has expired, which keeps rows for 7 days"
    assert no_row("2026-03-20 00:00:00.000", 1, now).endswith("for 1 day")
    for arrived, days in (("2026-03-30 00:00:00.000", 7), ("2019-03-30 00:00:00.000", None)):
        assert no_row(arrived, days, now) == "the sink: its row in `raw` is not stored yet"


@pytest.mark.parametrize(
    ("days", "kept"), [(None, ""), (1, ", which keeps records for 1 day"), (90, ", which keeps records for 90 days")]
)
def test_a_record_that_has_gone_is_told_by_what_the_topic_keeps(days: int | None, kept: str) -> None:
    """Where it removes any."""
    found = Trace(7, 0, 7, topic_days=days)

    assert ("arrived", f"its record is no longer in the raw topic{kept}") in list(lines(found))
