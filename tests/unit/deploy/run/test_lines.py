"""What of the lines of parts is on a console."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from deploy.run.lines import GraveLines
from deploy.run.listening import Kind, Listeners, Notice

INFO = "2026-04-15T10:40:00Z [info     ] sink is ready"
WARNING = "2026-04-15T10:40:00Z [warning  ] an insert waits"
BARE = "Killed"


class Shown:
    """A console of grave lines, and what is on it."""

    def __init__(self, *, steps: bool = True) -> None:
        self._file = io.StringIO()
        self.lines = GraveLines(Console(file=self._file, width=200), Path("/data/logs"), steps=steps)

    @property
    def texts(self) -> list[str]:
        """The lines."""
        return [line.strip() for line in self._file.getvalue().splitlines()]


def ended(*last: str, alarming: bool = False) -> Notice:
    """The end of a sink."""
    return Notice(Kind.ENDED, "sink", "sink ended and starts again", alarming, last)


def test_what_goes_as_it_should_is_not_shown() -> None:
    """Warnings and lines without a level are."""
    shown = Shown()
    for line in (INFO, WARNING, BARE):
        shown.lines.wrote("sink", line)

    assert shown.texts == [f"sink │ {WARNING}", f"sink │ {BARE}"]


def test_a_warning_is_one_short_line_where_there_is_a_panel() -> None:
    """Without what only the file needs: it fits on 80 columns."""
    line = (
        "2026-04-15T10:40:00.120000Z [warning  ] dead letters written           [streams.partition] "
        "count=1 partition=2 stage=decode"
    )
    short, whole = Shown(steps=False), Shown()
    for shown in (short, whole):
        shown.lines.wrote("worker-1", line)
        shown.lines.wrote("worker-1", BARE)

    assert short.texts == [
        "worker-1 │ warning: dead letters written count=1 partition=2 stage=decode",
        f"worker-1 │ {BARE}",
    ]
    assert whole.texts == [f"worker-1 │ {line}", f"worker-1 │ {BARE}"]
    assert max(map(len, short.texts)) < 80


def test_nothing_ends_unseen() -> None:
    """Of a part that ends the last lines are shown, those that are there already not again, and where its log is."""
    shown = Shown(steps=False)
    shown.lines.wrote("sink", WARNING)
    shown.lines.told(ended(INFO, WARNING, f"{INFO} once more"))

    assert shown.texts == [
        f"sink │ {WARNING}",
        f"sink │ {INFO} once more",
        "supervisor │ sink ended and starts again",
        "supervisor │ all that sink wrote: /data/logs/sink.log",
    ]


def test_one_more_end_in_a_row_is_short() -> None:
    """What it wrote is the same as before, most often."""
    shown = Shown()
    shown.lines.told(ended(INFO, alarming=True))

    assert [line.partition("│ ")[2].partition(":")[0] for line in shown.texts] == [
        "sink ended and starts again",
        "all that sink wrote",
    ]


def test_steps_are_told_where_nothing_else_shows_them() -> None:
    """A panel has them; a file has the lines."""
    with_steps, without = Shown(), Shown(steps=False)
    for shown in (with_steps, without):
        shown.lines.told(Notice(Kind.READY, "sink", "sink is ready after 1.0 s"))

    assert with_steps.texts == ["supervisor │ sink is ready after 1.0 s"]
    assert without.texts == []


def test_who_fails_to_listen_holds_nobody_up() -> None:
    """The others hear all the same, and nothing is raised."""

    class Deaf:
        def wrote(self, part: str, line: str, /) -> None:
            raise OSError(part, line)

        def told(self, notice: Notice, /) -> None:
            raise SystemExit(notice.text)

    shown = Shown()
    listeners = Listeners([Deaf(), shown.lines])
    listeners.wrote("sink", BARE)
    listeners.told(ended())

    assert len(shown.texts) == 3
