"""What Prometheus may know: never a token, a user or an academy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

from broker.watched import FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemas.lenient import Mending

__all__ = ["GAUGES", "TASK_FAILURES", "Delivering", "Metrics", "Spooling"]

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Delivering(Protocol):
    """What is asked of the way to Kafka."""

    @property
    def direct(self) -> bool:
        """Whether records go to Kafka without the spool."""


class Spooling(Protocol):
    """What is asked of the spool."""

    @property
    def records(self) -> int:
        """How many records wait."""

    @property
    def size(self) -> int:
        """Bytes of its files."""

    @property
    def damaged(self) -> int:
        """How many of its files are kept aside."""


# What is read of a gateway's state, and what rising figures ask for.
GAUGES: Final[dict[str, tuple[str, Callable[[Delivering, Spooling], float]]]] = {
    "telemetry_gateway_spool_records": (
        "Webhooks on disk that wait for Kafka. Rising: mend Kafka.",
        lambda _, spool: spool.records,
    ),
    "telemetry_gateway_spool_bytes": (
        "Size of the spool. At TELEMETRY_SPOOL_MAX_BYTES it refuses.",
        lambda _, spool: spool.size,
    ),
    "telemetry_gateway_spool_damaged_segments": (
        "Spool files that are partly unreadable. See `doctor`.",
        lambda _, spool: spool.damaged,
    ),
    "telemetry_gateway_direct": (
        "1 while webhooks go to Kafka, 0 while they go to the spool.",
        lambda delivery, _: delivery.direct,
    ),
}

TASK_FAILURES: Final = (
    "telemetry_gateway_task_failures",
    "Failures of background tasks, which begin again. Rising: see the log.",
    ("task",),
)


class _TaskFailures(Collector):
    """The failures of background tasks, whose names are the code's own."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Read them anew."""
        name, description, labels = TASK_FAILURES
        family = CounterMetricFamily(name, description, labels=labels)
        for task, failures in FAILURES.items():
            family.add_metric((task,), failures)
        yield family


class Metrics:
    """The gateway's metrics in a registry of their own; each help text says how to act on it."""

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._watch_process()
        self.requests = Counter(
            "telemetry_gateway_requests",
            "Answered requests. Many 5xx: see the log; many 429 on the ingest route: see docs/learnpack.md.",
            ("route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "telemetry_gateway_request_seconds",
            "Time to answer. High on the ingest route: Kafka acknowledges late.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.accepted_bytes = Counter(
            "telemetry_gateway_accepted_bytes",
            "Bytes of accepted webhooks, decompressed.",
            registry=self.registry,
        )
        self.mended = Counter(
            "telemetry_gateway_mended",
            "Bodies that were not quite JSON: a text's encoding, half a surrogate pair, or a value such as NaN. "
            "Nothing to do; look at the client where there are many.",
            ("what",),
            registry=self.registry,
        )
        self.acknowledged = Counter(
            "telemetry_gateway_kafka_acknowledged",
            "Records that Kafka acknowledged.",
            registry=self.registry,
        )
        self.unacknowledged = Counter(
            "telemetry_gateway_kafka_unacknowledged",
            "Records that Kafka did not acknowledge in time. They were spooled.",
            registry=self.registry,
        )
        self.ack_seconds = Histogram(
            "telemetry_gateway_kafka_ack_seconds",
            "Time from sending a batch to its acknowledgement by all replicas.",
            buckets=_SECONDS,
            registry=self.registry,
        )

    def _watch_process(self) -> None:
        """Tell of this process whenever Prometheus asks."""
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.registry.register(_TaskFailures())

    def note_mended(self, what: Mending) -> None:
        """Count something in a body that was not quite JSON and could be mended."""
        self.mended.labels(what).inc()

    def watch(self, delivery: Delivering, spool: Spooling) -> None:
        """Read gauges from these whenever Prometheus asks."""
        for name, (description, read) in GAUGES.items():
            gauge = Gauge(name, description, registry=self.registry)
            gauge.set_function(partial(read, delivery, spool))

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self.collected())

    def state(self) -> dict[str, float]:
        """The figures of GAUGES as they are now."""
        registry = self.collected()
        return {name: registry.get_sample_value(name) or 0.0 for name in GAUGES}

    def collected(self) -> CollectorRegistry:
        """Where all metrics can be read now."""
        return self.registry
