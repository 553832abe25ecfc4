"""Partitions take turns: what is fetched of each is taken a chunk at a time, and who was served last comes last.

aiokafka gives what it has of one partition to the end before it gives any of the next. While only one partition has
chunks its commits are waited for and nothing is computed, and the others' students wait for the longest backlog.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aiokafka import TopicPartition

    from streams.chunk import ChunkLimits

__all__ = ["FIRST_SLICE", "Room", "Turns", "take_turns"]

# Records taken from aiokafka's buffer before the first look at their size: compressed, a fetch may hold any amount.
FIRST_SLICE: Final = 32


class Fetch(Protocol):
    """Takes records that are buffered, without waiting."""

    async def __call__(
        self, partitions: set[TopicPartition], /, *, max_records: int
    ) -> Mapping[TopicPartition, list[Any]]:
        """At most `max_records` of these partitions; nothing if none is buffered."""


class Room:
    """How many records and bytes may still be taken; it ends with the first record that is too large for it."""

    def __init__(self, records: int, size: int) -> None:
        self.records = records
        self.size = size

    def __bool__(self) -> bool:
        return self.records > 0 and self.size > 0

    def take(self, records: Iterable[Any]) -> int:
        """Count records in; returns the bytes of their values."""
        sizes: list[int] = [record.serialized_value_size for record in records]
        self.records -= len(sizes)
        self.size -= (size := sum(sizes))
        return size


class Turns:
    """The order of the partitions: those that have waited longest since they gave records come first."""

    def __init__(self) -> None:
        self._last: dict[TopicPartition, int] = {}
        self._count = 0

    def order(self, partitions: Iterable[TopicPartition]) -> list[TopicPartition]:
        """The partitions in the order in which they are to be asked; those never served first, by their number."""
        return sorted(partitions, key=lambda tp: (self._last.get(tp, 0), tp))

    def had(self, partitions: Iterable[TopicPartition]) -> None:
        """These gave records now, one after another."""
        for tp in partitions:
            self._count += 1
            self._last[tp] = self._count


async def take_turns(
    fetch: Fetch,
    turns: Sequence[TopicPartition],
    room: Room,
    limits: ChunkLimits,
    fetched: dict[TopicPartition, list[Any]],
) -> None:
    """Add to `fetched` what is buffered of each partition in turn, a chunk of each, while there is room.

    Args:
        fetch: Takes buffered records.
        turns: The partitions in their order.
        room: How much may be taken; what is taken is counted in.
        limits: Bounds of a chunk.
        fetched: Records by partition, those taken before among them.
    """
    for tp in turns:
        chunk = Room(limits.records, limits.size)
        chunk.take(fetched.get(tp, ()))
        slice_ = FIRST_SLICE
        while room and chunk:
            most = min(room.records, chunk.records, slice_)
            records = (await fetch({tp}, max_records=most)).get(tp)
            if not records:
                break
            fetched.setdefault(tp, []).extend(records)
            room.take(records)
            taken = chunk.take(records)
            # As many as fit, by the size of these, but no more than four times as many.
            slice_ = max(1, min(4 * slice_, min(room.size, chunk.size) * len(records) // max(taken, 1)))
