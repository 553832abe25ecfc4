"""What a supervisor leaves on record of its parts."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from operations.restart_record import PartRecord, RestartRecord, read_record, record_file, restarting

if TYPE_CHECKING:
    from pathlib import Path

MINUTE = 60.0


class Clock:
    """A clock that is set."""

    now = 1_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.mark.parametrize(
    ("part", "trouble"),
    [
        (PartRecord(state="running"), ""),
        (PartRecord(state="running", ends=[900.0], last="signal SIGKILL"), ""),
        (PartRecord(state="ended", ends=[999.0], last="signal SIGKILL"), "ended again: signal SIGKILL"),
        (PartRecord(state="starting", ends=[999.0], last="exit code 1"), "starting again: exit code 1"),
        (PartRecord(state="starting"), "starting"),
        (
            PartRecord(state="running", ends=[900.0, 946.0, 992.0], last="exit code 73"),
            "ends again and again, 3 times in the last 10 minutes: exit code 73",
        ),
        (PartRecord(state="running", ends=[1.0, 2.0, 946.0], last="exit code 73"), ""),
    ],
)
def test_what_is_wrong_with_a_part(part: PartRecord, trouble: str) -> None:
    """A part that does not run, or that runs for less than a minute again and again, is in trouble; one end is none."""
    assert part.trouble(1_000.0) == trouble


def test_the_record_says_how_often_and_how_a_part_ended(tmp_path: Path) -> None:
    """Each end is counted with its time, the last one's words are kept, and only parts in trouble are named."""
    clock = Clock()
    record = RestartRecord(record_file(tmp_path), clock)
    record.starting("worker-1", 41)
    record.running("worker-1")
    record.starting("sink", 42)
    record.running("sink")
    for _ in range(3):
        clock.now += MINUTE
        record.ended("worker-1", "exit code 72")
        record.starting("worker-1", 43)
        record.running("worker-1")

    found = read_record(tmp_path)

    assert (found["worker-1"].restarts, found["worker-1"].pid, found["sink"].restarts) == (3, 43, 0)
    assert list(restarting(tmp_path, clock.now)) == ["worker-1"]
    assert restarting(tmp_path, clock.now + 60 * MINUTE) == {}


def test_what_a_system_that_is_no_more_has_left_says_nothing(tmp_path: Path) -> None:
    """The record of a supervisor that was killed is none, also when its process id is given again."""
    code = (
        "import sys, pathlib; from operations.restart_record import *\n"
        "record = RestartRecord(record_file(pathlib.Path(sys.argv[1]))); record.starting('worker-1', 1)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert record_file(tmp_path).exists()

    assert read_record(tmp_path) == {}
    text = record_file(tmp_path).read_text()
    pid = text.split('"supervisor":')[1].split(",")[0]
    record_file(tmp_path).write_text(text.replace(f'"supervisor":{pid},', f'"supervisor":{os.getpid()},'))
    assert read_record(tmp_path) == {}


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"parts": 1}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, content: bytes | None) -> None:
    """Neither a missing file nor a broken one is an error."""
    if content is not None:
        record_file(tmp_path).parent.mkdir()
        record_file(tmp_path).write_bytes(content)

    assert read_record(tmp_path) == {}


def test_a_record_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """Parts are supervised on, whatever becomes of the file."""
    (tmp_path / "run").touch()

    record = RestartRecord(record_file(tmp_path))
    record.starting("worker-1", 1)
    record.ended("worker-1", "exit code 1")
    record.close()

    assert record.parts["worker-1"].restarts == 1
