"""What Prometheus may know of a part: figures declared where they are counted, and whether it lives and is ready.

Each part has one PartMetrics at the top of a module of its own (`streams.metrics`, `sinks.metrics`). Its code counts up
once a chunk, a block or a request, and nothing names a student, a token or a tutorial: labels are partitions, topics,
tables, and words of the code's own.
"""

from __future__ import annotations

import shutil
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

from broker.watched import FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["LIVE_SECONDS", "SECONDS", "Declared", "PartMetrics"]

# From what an answer takes to what nobody should have to wait for.
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

# A loop that has not turned for so long answers nobody; the worker's watchdog ends the process a little later.
LIVE_SECONDS: Final = 40.0

# When a series began is the start of its process, which is a figure of its own.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # it takes and returns nothing


class Declared(NamedTuple):
    """A figure as Prometheus names it: its kind, the labels of its series, and what it says."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


class _TaskFailures(Collector):
    """The failures of background tasks, whose names are the code's own."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Read them anew."""
        family = CounterMetricFamily(self._name, self._text, labels=("task",))
        for task, failures in FAILURES.items():
            family.add_metric((task,), failures)
        yield family


class PartMetrics:
    """The figures of one part in a registry of their own; each name begins with `telemetry_<part>_`.

    Attributes:
        declared: All of them, in the order of their declaration.
        ready: Whether the part does all of its work now: what its ready file says.
        turned: When its event loop last turned (time.monotonic); None while nobody looks.
    """

    def __init__(self, part: str) -> None:
        self.part = part
        self.registry = CollectorRegistry()
        self.declared: list[Declared] = []
        self.ready = False
        self.turned: float | None = None
        release = self.gauge("build_info", "The release that runs, in the label; always 1.", "version", mode="max")
        release.labels(version("learnpack-telemetry")).set(1)
        self._watch_failures(
            self._declare(
                "task_failures", "counter", "Failures of background tasks, which begin again. See the log.", ("task",)
            )
        )

    @property
    def lives(self) -> bool:
        """Whether the part's event loop turns; true before it begins to."""
        return self.turned is None or time.monotonic() - self.turned < LIVE_SECONDS

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """Something that only grows; its name ends with `_total` outside."""
        return Counter(*self._declare(name, "counter", text, labels), registry=self.registry)

    def gauge(self, name: str, text: str, *labels: str, mode: Any = "all") -> Gauge:
        """Something that rises and falls; `mode` is how it is put together of several processes."""
        declared = self._declare(name, "gauge", text, labels)
        return Gauge(*declared, registry=self.registry, multiprocess_mode=mode)

    def histogram(self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = SECONDS) -> Histogram:
        """How something is spread, in counts up to the bounds of `buckets`."""
        return Histogram(*self._declare(name, "histogram", text, labels), registry=self.registry, buckets=buckets)

    def read(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Something that is looked up whenever Prometheus asks; `value` may be called by any thread."""
        self.gauge(name, text).set_function(value)

    def disk(self, name: str, what: str, place: Callable[[], Path | None]) -> None:
        """Size of the disk that a directory is on, and what is free of it; 0 while there is no directory."""

        def usage(kind: str) -> float:
            directory = place()
            try:
                return 0.0 if directory is None else float(getattr(shutil.disk_usage(directory), kind))
            except OSError:
                return 0.0

        self.read(f"{name}_free_bytes", f"What is free on the disk of {what}.", lambda: usage("free"))
        self.read(f"{name}_size_bytes", f"The size of the disk of {what}.", lambda: usage("total"))

    def declare(self, name: str, kind: str, text: str, labels: tuple[str, ...]) -> str:
        """Note a figure that a collector of its own yields; returns its whole name."""
        return self._declare(name, kind, text, labels)[0]

    def _declare(self, name: str, kind: str, text: str, labels: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]]:
        whole = f"telemetry_{self.part}_{name}"
        self.declared.append(Declared(f"{whole}_total" if kind == "counter" else whole, kind, labels, text))
        return whole, text, labels

    def _watch_failures(self, declared: tuple[str, str, tuple[str, ...]]) -> None:
        """Tell of the failures of this process's tasks."""
        self.registry.register(_TaskFailures(*declared[:2]))
