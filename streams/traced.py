"""The span of a transaction: of the webhooks in it that are traced, from the core to the state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from broker.tracing import traced_among, tracer_of
from streams.metrics import SPANS, WORKER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import TopicPartition

    from broker.tracing import Span, Tracer
    from schemas.settings import Settings
    from streams.mandate import Mandate

__all__ = ["begin_span", "tracer_for"]


def tracer_for(settings: Settings, mandate: Mandate) -> Tracer | None:
    """The worker's tracer; none behind a live generation, which has told already of what is read again."""
    return tracer_of(settings, WORKER.part, SPANS) if mandate.live_progress is None else None


def begin_span(tracer: Tracer | None, source: TopicPartition, records: Sequence[Any]) -> Span | None:
    """The span of what becomes of raw records of one partition, begun now; None if none of them is traced.

    Whoever commits ends it: of what is not committed nothing is told.
    """
    if tracer is None or not (traced := traced_among(records)):
        return None
    return tracer.follow(
        "process chunk",
        "consumer",
        [parent for _, parent in traced],
        {
            "messaging.system": "kafka",
            "messaging.destination.name": source.topic,
            "messaging.destination.partition.id": str(source.partition),
            "messaging.batch.message_count": len(records),
            "telemetry.first_offset": records[0].offset,
            "telemetry.last_offset": records[-1].offset,
        },
    )
