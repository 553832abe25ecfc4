"""A chunk: a run of records of one partition that Faust passes on as one event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Chunk", "ChunkLimits", "cut"]


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """Bounds of one chunk; a single record may exceed `size`, it then is a chunk of its own.

    Attributes:
        records: Most records in a chunk.
        size: Most bytes of keys and values in a chunk.
    """

    records: int = 2_000
    size: int = 8 << 20

    def __post_init__(self) -> None:
        if self.records < 1 or self.size < 1:
            message = f"a chunk holds at least one record and one byte, not {self.records} and {self.size}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Chunk:
    """Every record of one partition whose offset is in `start <= offset < end`.

    Offsets in the range without a record (transaction markers, aborted records) hold nothing for a read_committed
    reader.

    Attributes:
        records: aiokafka's consumer records, at least one, offsets ascending.
        size: Bytes of their keys and values.
    """

    topic: str
    partition: int
    start: int
    end: int
    records: Sequence[Any]
    size: int


def cut(topic: str, partition: int, start: int, records: Sequence[Any], limits: ChunkLimits) -> Iterator[Chunk]:
    """Split consecutive records that were read from offset `start` on into chunks within the limits."""
    first, size = 0, 0
    for index, record in enumerate(records):
        weight = max(record.serialized_key_size, 0) + max(record.serialized_value_size, 0)
        if index > first and (index - first >= limits.records or size + weight > limits.size):
            end = records[index - 1].offset + 1
            yield Chunk(topic, partition, start, end, records[first:index], size)
            first, size, start = index, 0, end
        size += weight
    if records:
        yield Chunk(topic, partition, start, records[-1].offset + 1, records[first:], size)
