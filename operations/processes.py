"""The processes of the parts that `up` runs on this machine: how often they began again, since when, in what memory."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from operations.restart_record import read_record

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PartProcess", "part_processes"]

_PROC: Final = Path("/proc")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
# Of what follows the name in /proc/PID/stat, counted from 0.
_PARENT, _BEGAN, _RESIDENT = 1, 19, 21


@dataclass(frozen=True, slots=True)
class PartProcess:
    """A part: `starting`, `running` or `ended`, how often it has ended since `up` began, and how the last time.

    `memory_bytes` is what it and its children hold of the machine's memory, `seconds` how long it runs; None where it
    does not run.
    """

    name: str
    state: str
    restarts: int
    last: str
    memory_bytes: int | None
    seconds: float | None


def part_processes(data: Path) -> list[PartProcess]:
    """The parts of the system that `up` runs on a data directory, in the order of their starts; none if it runs none.

    Blocks.
    """
    record = read_record(data)
    if not record:
        return []
    running = dict(_processes())
    children: dict[int, list[int]] = defaultdict(list)
    for pid, fields in running.items():
        children[int(fields[_PARENT])].append(pid)
    return [
        PartProcess(name, part.state, part.restarts, part.last, *_used(part.pid, running, children))
        for name, part in record.items()
    ]


def _processes() -> Iterator[tuple[int, list[str]]]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                # A name may hold anything, a closing bracket among it.
                yield int(entry.name), (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:
                # It has ended meanwhile.
                continue


def _used(pid: int, running: dict[int, list[str]], children: dict[int, list[int]]) -> tuple[int | None, float | None]:
    if pid not in running:
        return None, None
    family, found = [pid], 0
    for member in family:
        found += int(running[member][_RESIDENT]) * _PAGE_BYTES
        family += children[member]
    return found, round(max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - int(running[pid][_BEGAN]) / _TICKS), 1)
