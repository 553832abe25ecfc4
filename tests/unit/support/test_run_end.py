"""Whatever a test run has started ends with it, however it ends."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import is_alive
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.processes import Processes

_RUN = """
import subprocess, sys, time
from tests.support.run_stack import RunStack
RunStack.begin()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("started", child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_leaves_no_process(processes: Processes, tmp_path: Path, number: signal.Signals) -> None:
    """A process in a session of its own ends as well, though nobody was left to end it."""
    run = processes.start([sys.executable, "-c", _RUN], {"TMPDIR": str(tmp_path)})
    run.says("started ")
    left = int(run.output.split()[1])
    assert is_alive(left)

    run.signal(number)

    eventually(lambda: not is_alive(left), 30, "the end of what the run had started")
