"""Metrics of a gateway of several processes: any of them tells of all, and a process that dies takes nothing with it.

Each process counts in files of its own, which it shares with the others by mmap (prometheus_client's multiprocess mode)
and which bear its number: who is started in its place counts on from there.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, PlatformCollector, ProcessCollector, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from broker.watched import FAILURES, Watched
from gateway.metrics import GAUGES, TASK_FAILURES, Metrics

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.metrics import Delivering, Spooling

__all__ = ["SharedMetrics", "clear_figures", "forget_process"]

_BEAT_SECONDS: Final = 1.0
# Told as prometheus_client names them, added up over the processes that live.
_OLDEST: Final = "process_start_time_seconds"
_DIRECT: Final = "telemetry_gateway_direct"


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
        self._failures = Counter(*TASK_FAILURES, registry=self.registry)
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

    def watch(self, delivery: Delivering, spool: Spooling) -> None:
        """Read gauges from these once a second."""
        self._watched = delivery, spool
        self._gauges = {
            name: Gauge(
                name, description, registry=self.registry, multiprocess_mode="min" if name == _DIRECT else "sum"
            )
            for name, (description, _) in GAUGES.items()
        }

    async def _beat(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(_BEAT_SECONDS)

    def look(self) -> None:
        """Look up what is no count of this process, now."""
        for name, gauge in self._gauges.items():
            gauge.set(GAUGES[name][1](*self._watched))
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
