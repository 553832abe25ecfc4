"""The sink's figures for Prometheus."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import orjson

from broker.lag_figures import LagFigures, Waits
from broker.loop_watch import LoopWatch
from broker.metrics import PartMetrics
from broker.tracing import SPANS as _SPANS
from schemas.times import parse_time
from schemas.wire.rows import RAW, WEBHOOKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka import TopicPartition

    from sinks.writer.block import Block
    from sinks.writer.buffer import Buffer
    from sinks.writer.routes import Route

__all__ = [
    "DAILY",
    "DAILY_AT",
    "DAILY_SECONDS",
    "INSERT_SECONDS",
    "LAG",
    "LOOP",
    "REBALANCES",
    "REFUSED",
    "RETRIES",
    "SINK",
    "SPANS",
    "note_stored",
    "tell_lag",
]

_MICROSECONDS: Final = 1_000_000

SINK: Final = PartMetrics("sink")

INSERT_SECONDS: Final = SINK.histogram("insert_seconds", "What an insert takes that ClickHouse accepts.", "table")
RETRIES: Final = SINK.counter(
    "insert_retries", "Inserts that have to be tried again: ClickHouse is away, full or overloaded.", "table"
)
REFUSED: Final = SINK.counter(
    "dead_letters", "Lines and records that could not be stored. See `dead-letters list`.", "topic"
)
REBALANCES: Final = SINK.counter("rebalances", "How often partitions were dealt out anew.", "group")
_HELD_BYTES: Final = SINK.gauge("held_bytes", "Bytes of records that were read and are not stored yet.", "group")
LAG: Final = LagFigures(SINK, "lag", "this sink has", ("topic", "partition"))
DAILY: Final = SINK.counter("daily_refreshes", "How often the daily figures of tutorials were computed.")
DAILY_SECONDS: Final = SINK.histogram("daily_seconds", "What computing the daily figures takes.")
DAILY_AT: Final = SINK.gauge(
    "daily_refreshed_timestamp_seconds", "When they were last computed; 0 for a sink that does not do it."
)
LOOP: Final = LoopWatch(SINK)
SPANS: Final = SINK.counter(*_SPANS)

_BLOCKS: Final = SINK.counter("blocks", "Blocks that are stored.", "topic")
_ROWS: Final = SINK.counter("rows", "Rows that are stored, those among them that replace others.", "table")
_BYTES: Final = SINK.counter("bytes", "Bytes of their bodies.", "table")
_FRESHNESS: Final = SINK.histogram(
    "freshness_seconds",
    "From when the gateway took the oldest webhook of a block to when it can be read: as it came (raw) and what became"
    " of it (webhooks).",
    "table",
    buckets=(0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0),
)


def note_stored(route: Route, block: Block, refused: int, bodies: list[bytes]) -> None:
    """Count a block that ClickHouse has; `refused` of its rows it has not, and `bodies` are those of its tables."""
    _BLOCKS.labels(route.topic).inc()
    for target, body in zip(route.targets, bodies, strict=True):
        _ROWS.labels(target.table.name).inc(block.rows - refused)
        _BYTES.labels(target.table.name).inc(len(body))
    table = route.targets[0].table
    received = _received(table.name, block, bodies[0])
    if received is not None:
        _FRESHNESS.labels(table.name).observe(max(0.0, time.time() - received))


def _received(table: str, block: Block, body: bytes) -> float | None:
    """When the gateway took the first webhook of a block, in seconds since 1970; None of other tables."""
    if table == RAW.name:
        pieces = (piece.timestamp for part in block.slices for piece in part.pieces[:1])
        return min(pieces, default=0) / 1000 or None
    if table != WEBHOOKS.name:
        return None
    try:
        created = parse_time(orjson.loads(body.partition(b"\n")[0])["created_at"])
    except (ValueError, KeyError, TypeError):
        # A row that ClickHouse took all the same: it is no worse for not being measured.
        return None
    return None if created is None else created / _MICROSECONDS


def tell_lag(group: str, buffers: Mapping[TopicPartition, Buffer], ends: Mapping[TopicPartition, int]) -> None:
    """Say what waits in each partition of a group, whose logs end at `ends`."""
    _HELD_BYTES.labels(group).set(sum(buffer.bytes for buffer in buffers.values()))
    for topic in {partition.topic for partition in buffers}:
        # What begins at 0 is seen to rise; what begins with the first letter is not.
        REFUSED.labels(topic)
    _known[group] = {
        (tp.topic, str(tp.partition)): Waits(max(0, ends.get(tp, 0) - buffer.start), buffer.oldest)
        for tp, buffer in buffers.items()
    }
    LAG.tell({place: waits for of_group in _known.values() for place, waits in of_group.items()})


_known: Final[dict[str, dict[tuple[str, ...], Waits]]] = {}
