"""Ends the processes of a supervisor that is no more: `python -m deploy.run.guardian MARK`, a pipe from it as input.

The pipe closes when the supervisor ends, however it ends. Its children are known by a variable of their environment,
which theirs inherit, so that none is missed by a race or a change of process group.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

__all__ = ["MARK_VARIABLE", "end_processes", "marked_processes"]

MARK_VARIABLE: Final = "LEARNPACK_SUPERVISOR"

_GRACE_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.05


def marked_processes(mark: str) -> list[int]:
    """The ids of all living processes whose environment carries `mark`, without this one."""
    entry_of_mark = f"{MARK_VARIABLE}={mark}".encode()
    marked = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if entry_of_mark in (entry / "environ").read_bytes().split(b"\0"):
                marked.append(int(entry.name))
        except OSError:
            # It has ended meanwhile, is a zombie, or belongs to another user.
            continue
    return marked


def end_processes(mark: str, grace: float = _GRACE_SECONDS) -> None:
    """End all processes that carry `mark`: SIGTERM, and SIGKILL to those still there after `grace` seconds."""
    _signal(marked_processes(mark), signal.SIGTERM)
    deadline = time.monotonic() + grace
    while left := marked_processes(mark):
        if time.monotonic() > deadline:
            _signal(left, signal.SIGKILL)
        time.sleep(_PAUSE_SECONDS)


def _signal(processes: list[int], number: int) -> None:
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            continue


def main() -> None:
    """Wait for the end of the input, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end_processes(sys.argv[1])


if __name__ == "__main__":
    main()
