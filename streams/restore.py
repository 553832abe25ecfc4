"""Restores a partition's state from its changelog, up to where a read_committed reader ends."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from broker import clients

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    import aiokafka
    from aiokafka import TopicPartition

    from streams.stores import PartitionStore

__all__ = ["Changelog", "StateLostError", "changelog_reader", "restore", "start_of_restore"]

# Brokers keep tombstones of a compacted topic for a day (delete.retention.ms): an older store could miss one.
_TOO_OLD_S: Final = 12 * 3600.0
_BATCH: Final = 20_000


class StateLostError(Exception):
    """The changelog no longer holds what the state needs; only a new generation can compute it again."""

    def __init__(self, topic: str, partition: int, reason: str) -> None:
        super().__init__(
            f"{topic} partition {partition} {reason}: the state cannot be restored from it. "
            "Compute it again from the raw topic with `learnpack-telemetry replay`."
        )
        self.topic, self.partition, self.reason = topic, partition, reason


@dataclass(frozen=True, slots=True)
class Changelog:
    """Bounds of a changelog partition as a read_committed reader sees them.

    Attributes:
        begin: Offset of the first record kept.
        end: Offset after the last one that is committed (the last stable offset).
    """

    topic: str
    partition: int
    begin: int
    end: int


def start_of_restore(log: Changelog, restored: tuple[int, float] | None, known: int | None, now: float) -> int | None:
    """Where to read from: an offset, or None if the store must be wiped and the whole changelog read.

    Args:
        log: The changelog's bounds.
        restored: What the store holds: offset of the last record applied, time of writing; None for an empty store.
        known: An offset that the changelog certainly reached (kept with the committed input offset), if any.
        now: Epoch seconds.

    Raises:
        StateLostError: If records were deleted from the changelog, or it was created anew.
    """
    if known is not None and known >= log.end:
        raise StateLostError(log.topic, log.partition, f"ends at {log.end} but held offset {known} before")
    fresh = restored is not None and restored[0] < log.end and now - restored[1] < _TOO_OLD_S
    if restored is not None and fresh and restored[0] + 1 >= log.begin:
        return restored[0] + 1
    if log.begin > 0:
        raise StateLostError(log.topic, log.partition, f"begins at {log.begin}, not at 0")
    return None


async def restore(
    reader: aiokafka.AIOKafkaConsumer,
    store: PartitionStore,
    tp: TopicPartition,
    *,
    known: int | None,
    progressed: Callable[[], None],
) -> int:
    """Bring the store of changelog partition `tp` up to date; returns how many records were applied.

    The caller has initialised the partition's transactional producer before: nobody else writes to the changelog any
    more.

    Args:
        reader: A started read_committed consumer without assignment.
        store: The state table's store.
        tp: The changelog partition.
        known: An offset that the changelog certainly reached, if any.
        progressed: Called after each batch.

    Raises:
        StateLostError: As `start_of_restore`.
    """
    reader.assign([tp])
    begin, end = (await reader.beginning_offsets([tp]))[tp], (await reader.end_offsets([tp]))[tp]
    log = Changelog(tp.topic, tp.partition, begin, end)
    start, applied = start_of_restore(log, store.restored_to(tp.partition), known, time.time()), 0
    if start is None:
        store.wipe(tp.partition)
    reader.seek(tp, log.begin if start is None else start)
    while await reader.position(tp) < end:
        for records in (await reader.getmany(tp, timeout_ms=500, max_records=_BATCH)).values():
            store.write(tp.partition, [(r.key, r.value) for r in records], records[-1].offset, time.time())
            applied += len(records)
        progressed()
    if end > 0:
        # Markers behind the last record: the next restore need not read them again.
        store.write(tp.partition, (), end - 1, time.time())
    return applied


@contextlib.asynccontextmanager
async def changelog_reader(options: Mapping[str, Any]) -> AsyncIterator[aiokafka.AIOKafkaConsumer]:
    """A consumer of committed records for `restore`; raises aiokafka's KafkaError."""
    async with clients.opened(clients.consumer(options, max_partition_fetch_bytes=4 << 20)) as reader:
        yield reader
