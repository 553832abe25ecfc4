"""Small parts for a supervisor, what to wait for of them, and a screen that remembers what it wrote."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from deploy.run.lines import AllLines
from deploy.run.supervisor import Part, RestartPolicy
from tests.support.processes import is_alive
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

__all__ = ["QUICK", "STAYS", "STUBBORN", "WITH_CHILD", "Screen", "as_awaitable", "gone", "part", "ready_when"]


class Screen:
    """What the supervisor has written."""

    def __init__(self) -> None:
        self._file = io.StringIO()
        self.console = Console(file=self._file, width=200, color_system=None)
        self.lines = AllLines(self.console)

    @property
    def text(self) -> str:
        """All lines so far."""
        return self._file.getvalue()


def part(name: str, code: str, *, critical: bool = False, stop_seconds: float = 5, start_seconds: float = 20) -> Part:
    """A part that runs a piece of Python."""
    return Part(
        name,
        [sys.executable, "-c", code],
        os.environ,
        critical=critical,
        stop_seconds=stop_seconds,
        start_seconds=start_seconds,
    )


QUICK = RestartPolicy(first_delay=0.01, longest_delay=0.05, healthy_seconds=60, alarm_after=3)

STAYS = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
WITH_CHILD = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('grandchild', child.pid, flush=True)\n"
    "time.sleep(600)\n"
)


def ready_when(path: Path) -> Callable[[float], Awaitable[None]]:
    """Readiness as the existence of a file."""

    async def wait(timeout: float) -> None:  # noqa: ASYNC109
        await aeventually(as_awaitable(path.exists), timeout)

    return wait


async def gone(*pids: int) -> None:
    """Wait until none of the processes is there."""

    async def none_is_alive() -> bool:
        return not any(map(is_alive, pids))

    await aeventually(none_is_alive, 60)


def as_awaitable(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    """A condition for tests that wait in an event loop."""

    async def call() -> bool:
        await asyncio.sleep(0)
        return condition()

    return call
