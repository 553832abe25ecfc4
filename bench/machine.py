"""The machine that measures: what it is, and whether it is at rest."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["MOST_BUSY", "MOST_LOAD", "Machine", "busy", "load", "refusal"]

# Of the last minute: one process that runs all the time.
MOST_LOAD: Final = 1.0
# Of all processors' time, for some seconds.
MOST_BUSY: Final = 0.2

_LOOK_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Machine:
    """What figures depend on; as text it is one line.

    Attributes:
        memory: In bytes.
    """

    processor: str
    cores: int
    memory: int
    python: str

    @classmethod
    def here(cls) -> Machine:
        """This one."""
        cores = len(os.sched_getaffinity(0))
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return cls(_processor(Path("/proc/cpuinfo").read_text()), cores, memory, platform.python_version())

    def __str__(self) -> str:
        return f"{self.processor}, {self.cores} cores, {self.memory / 2**30:.0f} GiB, Python {self.python}"


def _processor(cpuinfo: str) -> str:
    """The model's name, once; what kind of machine where the kernel gives none."""
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def load() -> float:
    """How many processes ran or waited to run, on average of the last minute."""
    return os.getloadavg()[0]


def busy(seconds: float = _LOOK_S) -> float:
    """Which part of all processors' time is used, from now on for so many seconds."""
    before = _times()
    time.sleep(seconds)
    spent = [now - then for now, then in zip(_times(), before, strict=True)]
    return 1 - (spent[3] + spent[4]) / max(sum(spent), 1)


def _times() -> list[int]:
    """Ticks of all processors: user, nice, system, idle, waiting for disks, interrupts, and what a host took."""
    return [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]


def refusal(load_before: float, busy_now: float | None = None) -> str | None:
    """Why figures that are measured now may not be written, with what to do; None if they may.

    Where `busy_now` is given it decides alone: the load remembers a command that ended a moment ago.
    """
    if busy_now is not None:
        if busy_now <= MOST_BUSY:
            return None
        what = f"{busy_now:.0%} of the processors' time is used, above {MOST_BUSY:.0%}"
    elif load_before <= MOST_LOAD:
        return None
    else:
        what = f"the load of the last minute is {load_before:.2f}, above {MOST_LOAD:.0f}"
    return (
        f"Not measured: {what}, and figures for the page need a machine at rest. End what else runs, wait a minute or "
        "two (`uptime` shows the load) and start again; without --write it measures on a busy machine, too."
    )
