"""`status --watch`: the same again and again, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.support.sink import environment
from tests.support.terminal import CTRL_C, Terminal
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from schemas.settings import Settings
    from tests.support.processes import Processes

pytestmark = pytest.mark.system

WATCH = [sys.executable, "-m", "deploy.cli", "status", "--watch", "--every", "0.5"]


def test_a_terminal_shows_it_in_the_same_place(installed: Settings) -> None:
    """What changes is written over; Ctrl-C leaves the last look, and is no error."""
    with Terminal(WATCH, environment(installed)) as terminal:
        terminal.shows("worker: no process runs")
        first = terminal.display

        def another() -> bool:
            # It may be seen while it is being written.
            head, *below = terminal.display
            return head != first[0] and head.endswith("UTC; Ctrl-C ends it") and below == first[1:]

        eventually(another, 60, "another look")
        terminal.press(CTRL_C)

        assert terminal.ended() == 0
        assert terminal.scrolled == 0

    assert first[0].endswith("UTC; Ctrl-C ends it")


def test_scripts_get_an_object_a_line(installed: Settings, processes: Processes) -> None:
    """With --json, each as `status --json` has it: the lag of each topic in seconds, and restarts."""
    child = processes.start([*WATCH, "--json"], environment(installed))
    eventually(lambda: child.output.count("\n") >= 2, 60, "two looks")
    child.signal(signal.SIGINT)

    assert child.process.wait(60) == 0
    found = [orjson.loads(line) for line in child.output.splitlines()]
    assert [one["parts"]["worker"] for one in found] == ["no process runs"] * len(found)
    assert found[0]["restarts"] == {}
    assert {entry["topic"] for entry in found[0]["lag"]} >= {f"{installed.topic_prefix}webhooks.raw"}
    assert all(entry["seconds"] == 0 and entry["partitions"] == [] for entry in found[0]["lag"])
