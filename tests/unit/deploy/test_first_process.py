"""The first process of a container ends on SIGTERM before a part has a handler of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import Final

import pytest

# Tells that it is ready, and goes on for a minute unless it is told to end.
WAITS: Final = (
    "import sys, time\n"
    "from deploy.cli.first_process import end_on_sigterm\n"
    "end_on_sigterm({pid})\n"
    "print('ready', flush=True)\n"
    "time.sleep(60)\n"
)


@pytest.mark.parametrize(("pid", "code"), [("1", 128 + signal.SIGTERM), ("None", -signal.SIGTERM)])
def test_it_ends_by_itself_and_others_as_ever(pid: str, code: int) -> None:
    """With the exit code that a shell tells of a process that the signal has ended."""
    with subprocess.Popen([sys.executable, "-c", WAITS.format(pid=pid)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.terminate()

        assert process.wait(30) == code
