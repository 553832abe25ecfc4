"""`up` when something happens to it: a part is killed, it is interrupted, or somebody starts a second one.

One system serves all tests, in their order; the last one starts it again.
"""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from deploy.run.scraping import targets_of
from tests.support.metrics import sample, scrape
from tests.support.processes import is_alive
from tests.support.up import COMMAND, PARTS, System, alone, command_line, descendants
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that runs."""
    with alone(tmp_path_factory.mktemp("up")) as system:
        system.start(until="LearnPack Telemetry is up")
        yield system


def test_a_directory_has_one_system(system: System) -> None:
    """A second `up` on the same directory is refused in one line, and the first goes on."""
    second = subprocess.run([*COMMAND, str(system.directory)], capture_output=True, text=True, check=False, timeout=60)

    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.splitlines() == [
        f"error: a system runs on {system.directory} already; stop it or name another directory with --data."
    ]
    system.post_and_see(502)


@pytest.mark.parametrize(("part", "student"), [(part, 510 + place) for place, part in enumerate(PARTS)])
def test_a_killed_part_comes_back(system: System, part: str, student: int) -> None:
    """After SIGKILL to any part it runs again, and the next document arrives; the terminal says where its log is."""
    before = system.pid(part)
    os.kill(before, signal.SIGKILL)

    eventually(lambda: system.pid(part) != before, 60, f"{part} again")
    assert f"supervisor │ all that {part} wrote: {system.directory / 'logs' / part}.log\n" in system.child.output
    system.post_and_see(student)


def test_restarts_are_told_by_part_and_how_it_ended(system: System) -> None:
    """Of the supervisor's own figures."""
    text = scrape(targets_of(system.addresses["TELEMETRY_METRICS_TARGETS"])["supervisor"])

    for part in PARTS:
        assert sample(text, f'telemetry_supervisor_restarts_total{{code="SIGKILL",part="{part}"}}') >= 1


def test_an_interrupted_system_leaves_nothing_and_goes_on_later(system: System) -> None:
    """Ctrl-C ends everything; a later `up` has all rows, takes documents, and is where it was before."""
    system.post_and_see(520)
    before = system.addresses
    rows = system.sql("SELECT count(), uniqExact(item_id) FROM telemetry.events")
    running = descendants(system.child.pid)
    assert len(running) >= len(PARTS)

    code = system.interrupt()

    assert code == 0
    assert not [command_line(pid) for pid in running if is_alive(pid)]

    system.start(until="LearnPack Telemetry is up")

    assert system.addresses == before
    assert system.sql("SELECT count(), uniqExact(item_id) FROM telemetry.events") == rows
    system.post_and_see(521)
    assert system.interrupt() == 0
