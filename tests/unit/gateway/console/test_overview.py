"""The sentence above all, and the bars below it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from gateway.console.charts import FIELD, nice_top, shares, stacked
from gateway.console.formats import Formats
from gateway.console.letters import letters_told
from gateway.console.overview import SPANS, VERDICTS, condition, minutes_by_bucket, troubles

NOW: Final = datetime(2026, 4, 15, 10, 42, 30, tzinfo=UTC)


def figures(**counts: int) -> dict[str, Any]:
    """Webhooks by verdict, 0 where nothing is said."""
    every = dict.fromkeys(VERDICTS, 0) | counts
    return {**every, "received": sum(every.values())}


def minute(clock: str, **counts: int) -> dict[str, Any]:
    """A row of a minute."""
    return {"minute": f"2026-04-15T{clock}:00.000Z", **figures(**counts)}


def day(difference: int = 0, **counts: int) -> dict[str, Any]:
    """A row of the ledger."""
    return {"day": "2026-04-15", "difference": difference, **figures(**counts)}


@pytest.mark.parametrize(
    ("ledger", "received", "overdue", "kind", "key"),
    [
        ([], [], 0, "none", "overview.nothing"),
        ([day(stored=3)], [minute("10:41", stored=3)], 0, "ok", "overview.well"),
        ([day(stored=3, pending=2)], [minute("10:42", stored=3, pending=2)], 0, "ok", "overview.well"),
        ([day(stored=3, pending=2)], [minute("10:39", pending=2)], 0, "wait", "overview.waits"),
        ([day(stored=3, pending=9)], [minute("10:42", stored=12)], 0, "ok", "overview.well"),
        ([day(stored=3, pending=9)], [minute("10:42", stored=10, pending=2)], 0, "ok", "overview.well"),
        ([day(stored=3, pending=2)], [minute("10:39", stored=3)], 2, "bad", "overview.waits.long"),
        ([day(stored=3, pending=2, difference=-1)], [minute("10:39", pending=2)], 2, "bad", "overview.lost"),
    ],
)
def test_the_sentence_says_what_is_wrong(
    ledger: list[dict[str, Any]], received: list[dict[str, Any]], overdue: int, kind: str, key: str
) -> None:
    """What is lost comes before what waits, and what came this moment is on its way, though the ledger is older."""
    told = condition({"ledger": ledger, "received": received}, NOW, overdue)

    assert (told.kind, told.key) == (kind, key)


def test_minutes_fall_into_whole_spans() -> None:
    """Each is in one, none is twice, and the last span is the one that goes on."""
    rows = [minute("10:42", stored=1), minute("10:40", error=2), minute("10:39", stored=4), minute("04:44", stored=8)]
    columns = minutes_by_bucket(rows, NOW, *SPANS["6h"])

    assert len(columns) == 72
    assert columns[0][0] == "2026-04-15T04:45:00.000Z"
    assert columns[-1] == ("2026-04-15T10:40:00.000Z", dict.fromkeys(VERDICTS, 0) | {"stored": 1, "error": 2})
    assert columns[-2][1]["stored"] == 4
    assert sum(count for _, bucket in columns for count in bucket.values()) == 7


def test_bars_stand_on_the_ground_and_add_up() -> None:
    """Their parts on top of each other, under an axis with a round end."""
    chart = stacked([("a", figures(stored=6, error=2)), ("b", figures())], VERDICTS)
    (stored, error) = chart.bars[0].segments

    assert chart.top == 10
    assert (stored.start + stored.length, stored.length) == (FIELD, 600)
    assert (error.start + error.length, error.length) == (stored.start, 200)
    assert (chart.bars[0].total, chart.bars[1].segments) == (8, [])
    assert [nice_top(most) for most in (0, 1, 3, 19, 20, 21, 900)] == [1, 1, 5, 20, 20, 50, 1000]


def test_shares_fill_the_bar() -> None:
    """Whatever there is of each."""
    parts = shares(figures(stored=1, ignored=1, dead=2), VERDICTS)

    assert [(part.name, part.start, part.length) for part in parts] == [
        ("stored", 0, 250),
        ("ignored", 250, 250),
        ("dead", 500, 500),
    ]
    assert shares(figures(), VERDICTS) == []


def test_dead_letters_are_told_with_their_reasons() -> None:
    """However many there are of how many kinds; of none nothing."""
    groups = [{"why": "not JSON", "letters": 2}, {"why": "too deep", "letters": 1}]
    many = [{"why": f"not JSON: {number}", "letters": 1} for number in range(100)]
    waiting: list[tuple[int, list[dict[str, Any]]]] = [
        (3, groups),
        (2, groups[:1]),
        (1, groups[1:]),
        (0, []),
        (1500, many),
    ]

    assert [letters_told(Formats("en", NOW), count, some) for count, some in waiting] == [
        "3 dead letters wait (2 reasons)",
        "2 dead letters wait (same reason)",
        "1 dead letter waits",
        "",
        "1,500 dead letters wait (100 reasons or more)",
    ]


def test_operators_are_told_what_is_wrong() -> None:
    """Parts that do not work, what waits on a disk, and who is behind; of what works nothing."""
    idle = {"records": 0, "oldest_seconds": None}
    well = {"healthy": True, "parts": {"kafka": "ok"}, "lag": [{"seconds": 0.4}], "spool": idle}
    ill = {
        "healthy": False,
        "parts": {"kafka": "away"},
        "lag": [{"seconds": 40.0}],
        "spool": {"records": 1200, "oldest_seconds": 300.0},
    }

    assert troubles(Formats("en", NOW), well) == []
    assert troubles(Formats("en", NOW), ill) == [
        "These parts do not work: kafka.",
        "1,200 webhooks wait on a gateway's disk, the oldest for 5 min",
        "processing or storing is 40 s behind",
    ]
