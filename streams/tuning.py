"""Bounds of the worker that tests and benchmarks change; production takes the defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.chunk import ChunkLimits
from streams.limits import Limits

__all__ = ["Tuning"]


@dataclass(frozen=True, slots=True)
class Tuning:
    """How much at a time, and how long to wait.

    Attributes:
        chunk: Bounds of one chunk, hence of one transaction.
        poll_records: Most records taken from the consumer at a time; several chunks if larger than one.
        memory_bytes: Bytes of fetched records in the process before fetching waits.
        fetch_wait_s: How long the broker waits for more records before it answers: what comes in that time is one
            transaction for each partition, which costs the broker more than the records do.
        session_timeout_s: After this long without a heartbeat the group gives a worker's partitions to others.
        stall_s: After this long without progress, with records waiting, the worker ends itself.
        limits: When to stop writing dead letters.
    """

    chunk: ChunkLimits = field(default_factory=ChunkLimits)
    poll_records: int = 4_000
    memory_bytes: int = 64 << 20
    fetch_wait_s: float = 0.2
    session_timeout_s: float = 10.0
    stall_s: float = 45.0
    limits: Limits = field(default_factory=Limits)
