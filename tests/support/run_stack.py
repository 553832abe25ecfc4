"""One stack for a whole test run, whichever of its processes asks for it first.

The process that a run began with (`RunStack.begin`) owns a directory; a worker process finds it by its path. The first
test that needs servers starts them as a process of their own, which ends with the run, however that ends: it waits for
a lock that the run's first process holds. A guardian ends whatever else the run has started and left, also where that
process was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from deploy.local.kafka import KafkaNode
from deploy.run.guardian import MARK_VARIABLE
from tests.support.stack import STACK_VARIABLE, Stack
from tests.support.waiting import eventually

__all__ = ["RunStack"]

_PREFIX: Final = "learnpack-stack-"
_OLD_SECONDS: Final = 3_600
_START_SECONDS: Final = 240
_STOP_SECONDS: Final = 60

# Kept to the end of this process: to forget a running child is a warning.
_STARTED: Final[list[subprocess.Popen[bytes]]] = []


@dataclass(slots=True)
class RunStack:
    """The stack of the run that owns `directory`."""

    directory: Path
    _run: IO[bytes] | None = field(default=None)
    _guardian: subprocess.Popen[bytes] | None = field(default=None)

    @classmethod
    def begin(cls) -> RunStack:
        """Make the directory of a run that begins with this process; nothing is started.

        Directories of runs that were killed are removed.
        """
        own = cls(Path(tempfile.mkdtemp(prefix=_PREFIX)))
        for other in own.directory.parent.glob(f"{_PREFIX}*"):
            _remove_if_over(other)
        own._run = (own.directory / "run.lock").open("wb")
        fcntl.flock(own._run, fcntl.LOCK_EX)
        own._guardian = _guard(uuid.uuid4().hex)
        return own

    def end(self) -> None:
        """End the servers, if there are any, wait until nothing of the run is left, and remove the directory."""
        if self._run is None:
            return
        self._run.close()
        if (self.directory / "stack.lock").exists():
            with (self.directory / "stack.lock").open("rb") as lock:
                eventually(lambda: _taken(lock), _STOP_SECONDS, "the end of the stack")
        if self._guardian is not None:
            self._guardian.communicate()
        shutil.rmtree(self.directory, ignore_errors=True)

    def addresses(self) -> Stack:
        """Where the servers are, which are started by the first call in the run.

        Raises AssertionError with their output if they cannot be started.
        """
        named = os.environ.get(STACK_VARIABLE, "")
        if named not in ("", "local"):
            return Stack.read(Path(named))
        with (self.directory / "start.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (self.directory / "env").exists():
                self._start()
        return Stack.read(self.directory / "env")

    def formatted_kafka(self) -> Path:
        """A data directory of Kafka as formatting leaves it, made by the first call in the run; to be copied."""
        whole = self.directory / "formatted"
        with (self.directory / "format.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not whole.exists():
                KafkaNode(self.directory / "formatting").prepare()
                (self.directory / "formatting" / "logs").rename(whole)
        return whole

    def _start(self) -> None:
        log = self.directory / "output.log"
        # Where it has failed once it fails again, in some minutes for every test.
        assert not log.exists(), f"the stack did not start: {log.read_text(errors='replace')}"
        with log.open("wb") as output, (self.directory / "stack.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.stack", str(self.directory), str(self.directory / "run.lock")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # An interrupt is for the tests, which need their servers to end in order.
                start_new_session=True,
                # The lock is the process's from now on.
                pass_fds=[lock.fileno()],
            )
        _STARTED.append(process)
        eventually(
            lambda: (self.directory / "env").exists() or process.poll() is not None, _START_SECONDS, "a running stack"
        )
        assert process.poll() is None, f"the stack did not start: {log.read_text(errors='replace')}"


def _guard(mark: str) -> subprocess.Popen[bytes]:
    """Start what ends all that inherits `mark` from this process's environment, as soon as this process has ended."""
    guardian = subprocess.Popen(
        [sys.executable, "-m", "deploy.run.guardian", mark], stdin=subprocess.PIPE, start_new_session=True
    )
    os.environ[MARK_VARIABLE] = mark
    return guardian


def _remove_if_over(directory: Path) -> None:
    # Another user's, or one that has just begun or is being removed.
    with contextlib.suppress(OSError), (directory / "run.lock").open("rb") as lock:
        if time.time() - directory.stat().st_mtime > _OLD_SECONDS and _taken(lock):
            shutil.rmtree(directory, ignore_errors=True)


def _taken(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
