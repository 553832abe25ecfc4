"""The panel below what `up` shows on a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from deploy.cli.panel import Panel
from deploy.run.listening import Kind, Notice
from operations.pulse import Arrivals, Backlog, Pulse

PARTS = ["kafka", "clickhouse", "worker-1", "sink", "gateway"]
WELL = Pulse(Arrivals(90, 1.4), Backlog(0, 0.0), Backlog(3, 2.2))


class Clock:
    """One that stands where it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The seconds."""
        return self.now


def looks(panel: Panel, width: int = 80) -> list[str]:
    """Its lines on a terminal."""
    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(panel)
    return file.getvalue().splitlines()


def tell(panel: Panel, kind: Kind, *parts: str) -> None:
    """Let the supervisor tell of parts."""
    for part in parts:
        panel.told(Notice(kind, part, ""))


def test_a_start_is_one_line_that_changes() -> None:
    """It says what is being done, for how long, and what is still awaited, without colours, too."""
    clock = Clock()
    panel = Panel(PARTS, clock)
    tell(panel, Kind.STARTS, "kafka", "clickhouse")
    tell(panel, Kind.READY, "kafka")
    clock.now += 7

    assert looks(panel) == ["starting, 7 s: clickhouse starts; worker-1, sink, gateway wait; kafka runs"]


@pytest.mark.parametrize("width", [30, 80, 200])
def test_a_system_that_runs_is_four_lines(width: int) -> None:
    """However narrow the terminal is: parts, how much comes in and is behind, what went wrong, how to stop."""
    clock = Clock()
    panel = Panel(PARTS, clock)
    tell(panel, Kind.READY, *PARTS)
    panel.ready()
    panel.pulse = WELL
    panel.wrote("sink", "2026-04-15T10:40:00Z [warning  ] an insert waits")
    clock.now += 3 * 3600 + 62
    shown = looks(panel, width)

    assert len(shown) == 4
    assert max(map(len, shown)) <= width
    if width >= 80:
        assert shown[1:] == [
            "up 3:01:02: kafka, clickhouse, worker-1, sink, gateway run",
            "1.5 webhooks/s, the newest 1 s ago; sinks 2 s behind",
            "1 warning, 0 errors, 0 restarts; Ctrl-C stops",
        ]


def test_what_does_not_run_comes_first() -> None:
    """It is counted, too, and many parts of one state are a number."""
    panel = Panel([f"worker-{number}" for number in range(1, 13)], Clock())
    tell(panel, Kind.READY, *(f"worker-{number}" for number in range(1, 13)))
    tell(panel, Kind.ENDED, "worker-7")
    panel.ready()

    assert looks(panel)[1].endswith(": worker-7 ended; 11 parts run")
    assert "1 restart;" in looks(panel)[3]


@pytest.mark.parametrize(
    ("pulse", "text"),
    [
        (None, "asking for figures …"),
        (Pulse(Arrivals(0, None), Backlog(0, 0), Backlog(0, 0)), "no webhook in the last hour; nothing waits"),
        (Pulse(Arrivals(0, 121.0), Backlog(0, 0), Backlog(0, 0)), "0.0 webhooks/s, the newest 2 min ago; nothing"),
        (Pulse(None, None, None), "ClickHouse does not answer; Kafka does not answer"),
    ],
)
def test_who_does_not_answer_is_named(pulse: Pulse | None, text: str) -> None:
    """And what nobody has told is not made up."""
    panel = Panel(PARTS, Clock())
    panel.ready()
    panel.pulse = pulse

    assert looks(panel)[2].startswith(text)


def test_the_end_is_told() -> None:
    """That it has begun, and that it may be hurried."""
    panel = Panel(PARTS, Clock())
    panel.ready()
    panel.told(Notice(Kind.STOPPING, "", ""))

    (line,) = looks(panel)
    assert line.startswith("stopping; Ctrl-C once more does not wait, 0 s: ")
