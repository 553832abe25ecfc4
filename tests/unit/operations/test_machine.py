"""What is known of the machine: processes of parts, and the disk."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from operations.disk import disk_of
from operations.processes import part_processes
from operations.restart_record import RestartRecord, record_file
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.processes import Processes

_CHILD = "import time; kept = b'x' * 50_000_000; time.sleep(600)"


def test_a_part_has_the_memory_of_its_children(tmp_path: Path, processes: Processes) -> None:
    """And how long it runs, and how often it ended; one that has ended has neither."""
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_CHILD!r}])"
    child = processes.start([sys.executable, "-c", parent])
    record = RestartRecord(record_file(tmp_path))
    record.starting("sink", child.process.pid)
    record.running("sink")
    record.starting("worker-1", 2**22 + 1)
    record.ended("worker-1", "exit code 1")

    def sink() -> bool:
        found = part_processes(tmp_path)[0]
        return found.memory_bytes is not None and found.memory_bytes > 50_000_000

    eventually(sink, 30, "the memory of a child")
    running, ended = part_processes(tmp_path)

    assert (running.name, running.state, running.restarts) == ("sink", "running", 0)
    assert running.seconds is not None
    assert 0 <= running.seconds < 600
    assert (ended.state, ended.restarts, ended.last) == ("ended", 1, "exit code 1")
    assert (ended.memory_bytes, ended.seconds) == (None, None)
    record.close()
    assert part_processes(tmp_path) == []


def test_a_directory_takes_what_its_files_do(tmp_path: Path) -> None:
    """By subdirectory; a hole in a file takes nothing."""
    for name in ("kafka", "spool"):
        (tmp_path / name / "deep").mkdir(parents=True)
    (tmp_path / "kafka" / "deep" / "log").write_bytes(os.urandom(200_000))
    with (tmp_path / "spool" / "hole").open("wb") as file:
        file.truncate(10_000_000)

    disk = disk_of(tmp_path)

    assert disk is not None
    assert 0 < disk.free_bytes < disk.total_bytes
    assert 200_000 <= (disk.taken_bytes["kafka"] or 0) < 400_000
    assert disk.taken_bytes["spool"] == 0
    assert disk_of(tmp_path / "nowhere") is None
