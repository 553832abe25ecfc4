"""How far everything was behind, as series and as a picture."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from gateway.console.lag import lag_picture
from gateway.insights.lag_history import lag_series

NOW: Final = datetime(2026, 4, 15, 10, 42, 30, tzinfo=UTC)


def row(clock: str, partition: int = 0, records: int = 0, seconds: float = 0.0, topic: str = "raw") -> dict[str, Any]:
    """What ClickHouse says of a step of a partition; instants of UTC come without a zone."""
    moment = datetime.fromisoformat(f"2026-04-15T{clock}:00")
    return {
        "moment": moment,
        "consumer": "worker",
        "topic": topic,
        "partition": partition,
        "most_records": records,
        "most_seconds": seconds,
    }


def test_every_step_has_a_figure_or_was_not_measured() -> None:
    """Six hours of five minutes each: 0 where nothing waited then; who never waited is not there."""
    rows = [row("10:40", 1, 3, 2.5), row("10:35"), row("10:30", 2, 1, 40.0), row("04:40", 3, 9, 99.0), row("04:45")]

    told = lag_series(rows, NOW)

    assert (len(told["moments"]), told["step_seconds"]) == (72, 300)
    assert (told["moments"][0], told["moments"][-1]) == ("2026-04-15T04:45:00.000Z", "2026-04-15T10:40:00.000Z")
    assert [place for place, known in enumerate(told["measured"]) if known] == [0, 69, 70, 71]
    assert [(one["partition"], one["most_seconds"]) for one in told["partitions"]] == [(2, 40.0), (1, 2.5)]
    assert told["partitions"][1]["seconds"][-4:] == [None, 0.0, 0.0, 2.5]
    assert told["partitions"][1]["records"][-1] == 3
    assert told["partitions_with_lag"] == 2


def test_those_that_waited_longest_are_told() -> None:
    """Fifty of them, and how many there are."""
    told = lag_series([row("10:40", number, 1, number / 10) for number in range(80)], NOW)

    assert told["partitions_with_lag"] == 80
    assert [one["partition"] for one in told["partitions"]] == list(range(79, 29, -1))


def test_a_picture_has_lines_with_gaps() -> None:
    """Where nobody measured no line goes on, and six can be told apart."""
    rows = [row("10:40", number, 1, 10.0 + number) for number in range(8)] + [row("10:30", 7, 1, 4.0)]
    picture = lag_picture(lag_series(rows, NOW))

    assert (picture.top, len(picture.lines)) == (20, 6)
    assert picture.lines[0].name == "worker · raw · 7"
    assert [len(one.pieces) for one in picture.lines] == [2, 2, 2, 2, 2, 2]
    assert picture.lines[0].pieces[1] == "986.1,150.0 1000.0,150.0"
    assert [round(begins) for begins, _ in picture.gaps] == [0, 972]
    assert lag_picture(lag_series([], NOW)).gaps == [(0.0, 1000.8)]
    assert lag_picture(lag_series([], NOW)).lines == []
