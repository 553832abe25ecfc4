"""What a supervisor knows of its parts, in a file for `status`, `doctor` and the gateway's readiness.

It is replaced as a whole, and it counts only while the system runs: what is left of one that was killed says nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from operations.secret_files import write_secret

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PartRecord", "RestartRecord", "read_record", "record_file", "restarting"]

_REMEMBERED: Final = 20
_LOOP_SECONDS: Final = 600.0
_LOOP_ENDS: Final = 3


class PartRecord(msgspec.Struct, kw_only=True):
    """One part: whether it is `starting`, `running` or `ended`, and its ends since the system was started.

    `ends` are the times of the last ones, in seconds since 1970, `restarts` counts all, `last` is how the last one
    ended.
    """

    state: str = "starting"
    pid: int = 0
    restarts: int = 0
    last: str = ""
    ends: list[float] = []

    def trouble(self, now: float) -> str:
        """What is wrong with the part, empty if nothing is: it does not run, or ends again and again."""
        recent = sum(now - end < _LOOP_SECONDS for end in self.ends)
        if recent >= _LOOP_ENDS:
            return f"ends again and again, {recent} times in the last {_LOOP_SECONDS / 60:g} minutes: {self.last}"
        if self.state == "running":
            return ""
        return f"{self.state} again: {self.last}" if self.ends else f"{self.state}"


class _Record(msgspec.Struct, kw_only=True):
    """The file: its supervisor's process, known by its id and when it began, for ids are given again."""

    supervisor: int
    began: str
    parts: dict[str, PartRecord]


def _began(pid: int) -> str:
    """When a process began, as Linux counts; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def record_file(data: Path) -> Path:
    """Where a system with this data directory keeps its record."""
    return data / "run" / "parts.json"


def read_record(data: Path) -> dict[str, PartRecord]:
    """The parts of the system that runs on a data directory; none if none runs, or not by `up`."""
    try:
        record = msgspec.json.decode(record_file(data).read_bytes(), type=_Record)
    except (OSError, msgspec.MsgspecError):
        return {}
    return record.parts if record.began and _began(record.supervisor) == record.began else {}


def restarting(data: Path, now: float) -> dict[str, str]:
    """What is wrong with parts of the system that runs on a data directory, by name; without those that run well."""
    troubles = {name: part.trouble(now) for name, part in read_record(data).items()}
    return {name: trouble for name, trouble in troubles.items() if trouble}


class RestartRecord:
    """Keeps the file up to date. A disk that is full does not matter: the next change is written whole."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        """Write to `path`, or nowhere if it is None."""
        self.parts: dict[str, PartRecord] = {}
        self._path = path
        self._clock = clock
        self._began = _began(os.getpid())

    def starting(self, name: str, pid: int) -> None:
        """The part's process has begun."""
        part = self.parts.setdefault(name, PartRecord())
        part.state, part.pid = "starting", pid
        self._write()

    def running(self, name: str) -> None:
        """The part is ready."""
        self.parts.setdefault(name, PartRecord()).state = "running"
        self._write()

    def ended(self, name: str, what: str) -> None:
        """The part's process has ended, and is to start again."""
        part = self.parts.setdefault(name, PartRecord())
        part.state, part.last, part.restarts = "ended", what, part.restarts + 1
        part.ends = [*part.ends, self._clock()][-_REMEMBERED:]
        self._write()

    def close(self) -> None:
        """The system ends."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            record = _Record(supervisor=os.getpid(), began=self._began, parts=self.parts)
            # It has parts' last lines.
            write_secret(self._path, msgspec.json.encode(record))
