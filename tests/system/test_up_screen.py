"""`up --demo` in a terminal: what a newcomer sees first."""

from __future__ import annotations

import re

import pytest

from tests.support.terminal import CTRL_C, Terminal
from tests.support.up import COMMAND, PARTS, alone

pytestmark = pytest.mark.system


def test_a_terminal_has_all_on_its_first_screen(tmp_path_factory: pytest.TempPathFactory) -> None:
    """80 columns, 30 lines: what runs, where the console is, what came out, how to stop; what changes is one line."""
    with (
        alone(tmp_path_factory.mktemp("up")) as system,
        Terminal([*COMMAND, str(system.directory), "--demo"], system.env) as terminal,
    ):
        terminal.shows("starting, ", 60)
        assert len(terminal.display) == 1
        terminal.shows("webhooks/s, the newest ", 120)
        shown = terminal.display
        terminal.press(CTRL_C)

        assert terminal.ended() == 0
        left = terminal.display
        assert terminal.scrolled == 0, "\n".join([*shown, "=====", *left])

    assert len(shown) < 30
    first = shown.index("LearnPack Telemetry is up; Ctrl-C stops it.")
    link = next(place for place, line in enumerate(shown) if re.fullmatch(r" +http\S+/console/login\?link=\S+", line))
    figures = next(place for place, line in enumerate(shown) if line.startswith("The demo sent "))
    assert first < link < figures
    for part in PARTS:
        assert part in shown[-3]
    assert shown[-3].endswith(" run")
    assert shown[-1].endswith("; Ctrl-C stops")
    # What stood below is gone, and all else is as it was.
    assert left == [*shown[:-4], "Stopped; the data is kept."]
