"""What Prometheus may know of the gateway: never a token, a user or an academy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from broker.loop_watch import LoopWatch
from broker.metrics import PartMetrics
from broker.tracing import SPANS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from gateway.connections import Shut
    from schemas.lenient import Mending

__all__ = ["GAUGES", "Delivering", "Figure", "Metrics", "Spooling", "route_of"]

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# Refusals that lose a webhook of a client that did nothing wrong but at a bad time, too often, or too much.
_LOST: Final = (
    "body-too-large",
    "too-many-values",
    "too-many-requests",
    "body-timeout",
    "unavailable",
    "starting",
    "worker-timeout",
    "internal-error",
    "query-too-long",
)


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
    def limit(self) -> int:
        """The most bytes that it takes."""

    @property
    def damaged(self) -> int:
        """How many of its files are kept aside."""

    @property
    def age(self) -> float:
        """How many seconds ago the oldest webhook arrived that waits there; 0 where none does."""


class Figure(NamedTuple):
    """What is read of a gateway's state; `mode` is how that of several processes is put together."""

    name: str
    text: str
    read: Callable[[Delivering, Spooling], float]
    mode: str = "sum"


# What is read of a gateway's state, and what rising figures ask for.
GAUGES: Final = (
    Figure(
        "spool_records", "Webhooks on disk that wait for Kafka. Rising: mend Kafka.", lambda _, spool: spool.records
    ),
    Figure("spool_bytes", "Size of the spool. At its limit it refuses.", lambda _, spool: spool.size),
    Figure(
        "spool_limit_bytes",
        "From so many on the spool refuses: TELEMETRY_SPOOL_MAX_BYTES.",
        lambda _, spool: spool.limit,
    ),
    Figure(
        "spool_used_ratio",
        "How full the spool is, of several processes the fullest: at 1 it refuses.",
        lambda _, spool: spool.size / spool.limit if spool.limit else 0.0,
        "max",
    ),
    Figure(
        "spool_age_seconds",
        "How long ago the oldest webhook arrived that waits on disk; 0 where none does. Rising: it does not drain.",
        lambda _, spool: spool.age,
        "max",
    ),
    Figure(
        "spool_damaged_segments",
        "Spool files that are partly unreadable. See `doctor`.",
        lambda _, spool: spool.damaged,
    ),
    Figure(
        "direct",
        "1 while webhooks go to Kafka, 0 while they go to the spool.",
        lambda delivery, _: delivery.direct,
        "min",
    ),
)


class Metrics(PartMetrics):
    """The gateway's metrics in a registry of their own; each help text says how to act on it."""

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        super().__init__("gateway")
        self._watch_process()
        self.loop = LoopWatch(self)
        self.requests = self.counter(
            "requests",
            "Answered requests. Many 5xx: see the log; many 429 on the ingest route: see docs/learnpack.md.",
            "route",
            "status",
        )
        self.seconds = self.histogram(
            "request_seconds",
            "Time to answer. High on the ingest route: Kafka acknowledges late.",
            "route",
            buckets=_SECONDS,
        )
        self.refused = self.counter(
            "refused",
            "Webhooks and events that were not taken, by reason (the answer's slug): each may be a lost event.",
            "reason",
        )
        for reason in _LOST:
            # What begins at 0 is seen to rise; what begins with the first refusal is not.
            self.refused.labels(reason)
        self.limited = self.counter(
            "limited",
            "Webhooks that came too fast: of a personal `token`, of a `student` under an ingest key, or of a `key` as a"
            " whole.",
            "whose",
        )
        self.connections_shut = self.counter(
            "connections_shut",
            "Connections that were too many of one address and were shut: `answering`, a request was under way, which"
            " is lost unless it is sent again; `idle`, none was. See TELEMETRY_CONNECTIONS_PER_ADDRESS.",
            "state",
        )
        for state in ("answering", "idle"):
            self.connections_shut.labels(state)
        self.accepted_bytes = self.counter("accepted_bytes", "Bytes of accepted webhooks, decompressed.")
        self.mended = self.counter(
            "mended",
            "Bodies that were not quite JSON: a text's encoding, half a surrogate pair, or a value such as NaN. "
            "Nothing to do; look at the client where there are many.",
            "what",
        )
        self.acknowledged = self.counter("kafka_acknowledged", "Records that Kafka acknowledged.")
        self.unacknowledged = self.counter(
            "kafka_unacknowledged", "Records that Kafka did not acknowledge in time. They were spooled."
        )
        self.ack_seconds = self.histogram(
            "kafka_ack_seconds",
            "Time from sending a batch to its acknowledgement by all replicas.",
            buckets=_SECONDS,
        )
        self.spans = self.counter(*SPANS)

    def _watch_process(self) -> None:
        """Tell of this process whenever Prometheus asks."""
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def note_shut(self, shut: Shut) -> None:
        """Count connections that were shut."""
        self.connections_shut.labels("answering").inc(shut.answering)
        self.connections_shut.labels("idle").inc(shut.idle)

    def note_mended(self, what: Mending) -> None:
        """Count something in a body that was not quite JSON and could be mended."""
        self.mended.labels(what).inc()

    def watch(self, delivery: Delivering, spool: Spooling, directory: Path) -> None:
        """Read gauges from these whenever Prometheus asks; `directory` is on the disk of all spools."""
        for figure in GAUGES:
            self.read(figure.name, figure.text, partial(figure.read, delivery, spool))
        self.disk("spool_disk", "the spool", lambda: directory)

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self.collected())

    def state(self) -> dict[str, float]:
        """The figures of GAUGES as they are now, by their whole names."""
        registry = self.collected()
        names = [f"telemetry_gateway_{figure.name}" for figure in GAUGES]
        return {name: registry.get_sample_value(name) or 0.0 for name in names}

    def collected(self) -> CollectorRegistry:
        """Where all metrics can be read now."""
        return self.registry


def route_of(scope: Mapping[str, Any]) -> str:
    """The template of a request's route, for figures and the log: the path itself may be anything, names among it."""
    return getattr(scope.get("route"), "path", "other")
