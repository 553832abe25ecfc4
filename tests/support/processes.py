"""Child processes of tests, which always end with the test."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Child", "Processes", "is_alive"]

# More than any part leaves itself to end (broker.ending).
_STOP_SECONDS = 60
# What a kernel under load needs to take a killed process away.
_KILL_SECONDS = 60


def is_alive(pid: int) -> bool:
    """Whether a process that is not a zombie has this id."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - no path of the project
            return stat.read().rpartition(b")")[2].split()[0] != b"Z"
    except FileNotFoundError:
        return False


@dataclass(slots=True)
class Child:
    """A process in a session of its own, with its output in a file."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process id, which is its group's too."""
        return self.process.pid

    @property
    def output(self) -> str:
        """What it has written so far to standard output and standard error."""
        return self.log.read_text(errors="replace")

    def signal(self, number: int) -> None:
        """Send a signal to the process itself."""
        self.process.send_signal(number)

    def kill(self) -> int:
        """SIGKILL to the process alone, as the kernel would when memory is short; returns its exit code."""
        self.process.kill()
        return self.process.wait(_KILL_SECONDS)

    def freeze(self) -> None:
        """SIGSTOP to its whole group."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT to its whole group."""
        os.killpg(self.pid, signal.SIGCONT)

    def terminate(self, timeout: float = _STOP_SECONDS) -> int:
        """SIGTERM, and the exit code; raises AssertionError if it does not end in time."""
        self.process.terminate()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            message = f"process {self.pid} did not end within {timeout:g} s of SIGTERM:\n{self.output}"
            raise AssertionError(message) from error

    def says(self, text: str, timeout: float = 60) -> None:
        """Wait until its output contains `text`; raises AssertionError if it ends before or the time is over."""
        awaited = f"{text!r} in the output of {self.process.args!r}"

        def said_or_over() -> bool:
            # In this order: what it writes last is there once it has ended.
            over = self.process.poll() is not None
            return text in self.output or over

        eventually(said_or_over, timeout, awaited)
        assert text in self.output, f"no {awaited}: it ended with {self.process.returncode}:\n{self.output}"

    def end(self) -> None:
        """SIGKILL to its whole group, whatever its state."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(_KILL_SECONDS)


@dataclass(slots=True)
class Processes:
    """Starts children and ends all of them."""

    directory: Path
    children: list[Child] = field(default_factory=list)

    def start(self, command: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Child:
        """Start a child in a session of its own; its environment is this process's with `env` on top."""
        log = self.directory / f"child-{len(self.children)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                list(command),
                env={**os.environ, **(env or {})},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(process, log)
        self.children.append(child)
        return child

    def end_all(self) -> None:
        """End every child that is still there, last one first."""
        for child in reversed(self.children):
            child.end()
