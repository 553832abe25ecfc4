"""Metrics of a gateway of several processes: any of them tells of all, and a process that dies takes nothing with it.

Each process counts in files of its own, which it shares with the others by mmap (prometheus_client's multiprocess mode)
and which bear its number: who is started in its place counts on from there.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, PlatformCollector, ProcessCollector, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from broker.watched import FAILURES, Watched
from gateway.metrics import GAUGES, Metrics

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.metrics import Delivering, Spooling

__all__ = ["SharedMetrics", "clear_figures", "forget_process"]

_BEAT_SECONDS: Final = 1.0
# Told as prometheus_client names them, added up over the processes that live.
_OLDEST: Final = "process_start_time_seconds"


def clear_figures(directory: Path) -> None:
    """Make the directory of the figures, empty: no process counts there yet. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.glob("*.db"):
        path.unlink()


def forget_process(directory: Path, number: int) -> None:
    """Take out what was true of a process only while it lived, such as its memory; what it counted stays."""
    with suppress(OSError):
        mark_process_dead(number, str(directory))  # type: ignore[no-untyped-call]


class SharedMetrics(Metrics):
    """The metrics of one process, of which there must be no other object in it; `collected` tells of all processes.

    What is no count is looked up once a second, while `beating` runs.
    """

    def __init__(self, directory: Path, number: int) -> None:
        # prometheus_client decides by these, when a metric is made, where it counts.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
        values.ValueClass = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]
        self._directory = directory
        self._process = ProcessCollector(registry=None)
        self._told: dict[str, float] = {}
        super().__init__()
        self.beating = Watched("metrics", self._beat)

    def _watch_process(self) -> None:
        self._own_counters: dict[str, Counter] = {}
        self._own_gauges: dict[str, Gauge] = {}
        for family in self._process.collect():
            if family.type == "counter":
                self._own_counters[family.name] = Counter(family.name, family.documentation, registry=self.registry)
                continue
            mode: Literal["livemin", "livesum"] = "livemin" if family.name == _OLDEST else "livesum"
            self._own_gauges[family.name] = Gauge(
                family.name, family.documentation, registry=self.registry, multiprocess_mode=mode
            )

    def _watch_failures(self, declared: tuple[str, str, tuple[str, ...]]) -> None:
        self._failures = Counter(*declared, registry=self.registry)

    def watch(self, delivery: Delivering, spool: Spooling, directory: Path) -> None:
        """Read gauges from these once a second; `directory` is on the disk of all spools."""
        self._watched = delivery, spool
        self._gauges = {figure: self.gauge(figure.name, figure.text, mode=figure.mode) for figure in GAUGES}
        self._disk_place = directory
        self._disk = {
            kind: self.gauge(f"spool_disk_{kind}_bytes", text, mode="mostrecent")
            for kind, text in (
                ("free", "What is free on the disk of the spool."),
                ("size", "The size of the disk of the spool."),
            )
        }

    async def _beat(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(_BEAT_SECONDS)

    def look(self) -> None:
        """Look up what is no count of this process, now."""
        for figure, gauge in self._gauges.items():
            gauge.set(figure.read(*self._watched))
        with suppress(OSError):
            usage = shutil.disk_usage(self._disk_place)
            self._disk["free"].set(usage.free)
            self._disk["size"].set(usage.total)
        for task, failures in FAILURES.items():
            self._failures.labels(task).inc(self._since(f"failures of {task}", failures))
        for family in self._process.collect():
            for sample in family.samples:
                if family.name in self._own_counters:
                    self._own_counters[family.name].inc(self._since(family.name, sample.value))
                elif family.name in self._own_gauges:
                    self._own_gauges[family.name].set(sample.value)

    def _since(self, name: str, value: float) -> float:
        """What a count of this process has grown since it was last told."""
        grown = max(0.0, value - self._told.get(name, 0.0))
        self._told[name] = value
        return grown

    def collected(self) -> CollectorRegistry:
        """Where all metrics of all processes can be read now."""
        self.look()
        registry = CollectorRegistry()
        PlatformCollector(registry=registry)
        MultiProcessCollector(registry, path=str(self._directory))  # type: ignore[no-untyped-call]
        return registry
