"""The supervisor's figures for Prometheus."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, Final

from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from broker.loop_watch import LoopWatch
from broker.metrics import PartMetrics
from deploy.run.signals import signal_name
from operations.restart_record import read_record
from schemas.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from pathlib import Path

    from deploy.run.child import Child

__all__ = ["SUPERVISOR", "counted_end", "supervising", "unended"]

SUPERVISOR: Final = PartMetrics("supervisor")

_RESTARTS: Final = SUPERVISOR.counter(
    "restarts",
    "Ends of a part that was started again, by exit code or signal: docs/reliability.md says what each code means.",
    "part",
    "code",
)
_LOOP: Final = LoopWatch(SUPERVISOR)
# How parts end as a rule: by a code of their own, killed, stopped by somebody, or by a fault of a library.
_SIGNALS: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV, signal.SIGABRT)
_ENDS: Final = (*(str(int(code)) for code in ExitCode), *(number.name for number in _SIGNALS))
_places: list[Path] = []

SUPERVISOR.disk("disk", "the data directory", lambda: _places[-1] if _places else None)


class _Running(Collector):
    """Which parts run, as their record has it."""

    def __init__(self) -> None:
        self._text = "Whether a part is ready and runs: 0 while it starts or has ended."
        self._name = SUPERVISOR.declare("part_running", "gauge", self._text, ("part",))
        SUPERVISOR.registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the record anew."""
        family = GaugeMetricFamily(self._name, self._text, labels=("part",))
        for directory in _places[-1:]:
            for name, part in read_record(directory).items():
                family.add_metric((name,), part.state == "running")
        yield family


_RUNNING: Final = _Running()


def unended(parts: Iterable[str]) -> None:
    """No part has ended yet, in any of the usual ways: what begins at 0 is seen to rise, the first end among it."""
    for part in parts:
        for code in _ENDS:
            _RESTARTS.labels(part, code)


async def counted_end(child: Child) -> int:
    """Wait for the end of a part that is to be started again, and count it; returns as `Child.wait`."""
    code = await child.wait()
    _RESTARTS.labels(child.part.name, signal_name(-code) if code < 0 else str(code)).inc()
    return code


@contextlib.asynccontextmanager
async def supervising(directory: Path) -> AsyncIterator[None]:
    """Tell of the system with this data directory for a while, in which all of its parts have started."""
    _places[:] = [directory]
    _LOOP.start()
    SUPERVISOR.ready = True
    try:
        yield
    finally:
        SUPERVISOR.ready = False
        await _LOOP.stop()
