"""What the partitions of a worker share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from broker.tracing import Tracer
    from schemas.wire.topics import Topics
    from streams.bad_references import BadReferences
    from streams.exits import End
    from streams.limits import Limits, LimitsState
    from streams.mandate import Mandate
    from streams.processing import Core
    from streams.stores import PartitionStore

__all__ = ["Log", "PartitionContext"]


class Log(Protocol):
    """The consumer, as far as a partition moves it."""

    async def resume_at(self, partition: int, offset: int, /) -> None:
        """Fetch from `offset` on; raises IllegalStateError if the partition is not assigned any more."""

    async def log_start(self, partition: int, /) -> int:
        """The first offset that the broker still has."""


@dataclass(frozen=True, slots=True)
class PartitionContext:
    """What all partitions of a worker share.

    Attributes:
        views_complete: Awaited before the first record is handled.
        progressed: Called at every step forward; the watchdog listens.
        max_message_bytes: Largest message that the topics take.
        redact: The keys that dead letters do not keep.
        mandate: What entitles this worker to its generation.
        superseded: Called once that does not hold any more: the process begins again.
        tracer: Tells of what becomes of traced webhooks; None for nothing.
        tried: What recently became of the records of each open partition.
    """

    topics: Topics
    core: Core
    options: Mapping[str, Any]
    store: PartitionStore
    log: Log
    limits: Limits
    max_message_bytes: int
    views_complete: asyncio.Event
    bad_references: BadReferences
    progressed: Callable[[], None]
    end: End
    mandate: Mandate
    superseded: Callable[[], None]
    redact: frozenset[str] = frozenset()
    tracer: Tracer | None = None
    tried: dict[int, LimitsState] = field(default_factory=dict)
