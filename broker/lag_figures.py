"""Lag as Prometheus reads it: in records, and in seconds that go on counting while nobody moves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from broker.metrics import PartMetrics

__all__ = ["LagFigures", "Waits"]


_HOLDS_SECONDS: Final = 30.0


class Waits(NamedTuple):
    """How many offsets or records wait, and since when the first does: milliseconds since 1970, None if none does."""

    records: int
    since: int | None


class LagFigures(Collector):
    """What waits, by the values of some labels; told by whoever knows, read by any thread.

    For half a minute what was told holds; from then on the seconds go on counting, for nobody knows better.
    """

    def __init__(
        self,
        metrics: PartMetrics,
        name: str,
        whose: str,
        labels: tuple[str, ...],
        clock: Callable[[], float] = time.time,
        *,
        counted: str = "",
    ) -> None:
        """Declare `<name>_records` and `<name>_seconds`; `whose` says of which reader, in words.

        What is counted is offsets, or what the sentence `counted` says.
        """
        text = counted or f"Offsets that {whose} not got past yet, transactions' markers among them."
        self._records = (metrics.declare(f"{name}_records", "gauge", text, labels), text)
        text = f"How long the oldest record has waited that {whose} not got past yet; 0 if none waits."
        self._seconds = (metrics.declare(f"{name}_seconds", "gauge", text, labels), text)
        self._labels = labels
        self._clock = clock
        self._waits: Mapping[tuple[str, ...], Waits] = {}
        self._told_at = 0.0
        metrics.registry.register(self)

    def tell(self, waits: Mapping[tuple[str, ...], Waits]) -> None:
        """What waits now; nothing else does."""
        self._waits, self._told_at = dict(waits), self._clock()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Both figures."""
        records = GaugeMetricFamily(*self._records, labels=self._labels)
        seconds = GaugeMetricFamily(*self._seconds, labels=self._labels)
        now = self._clock()
        as_of = self._told_at if now - self._told_at < _HOLDS_SECONDS else now
        for values, (count, since) in self._waits.items():
            records.add_metric(values, count)
            seconds.add_metric(values, 0.0 if since is None else max(0.0, as_of - since / 1000))
        yield records
        yield seconds
