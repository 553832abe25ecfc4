"""A block: records of several partitions that go into a table with one insert. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiokafka import TopicPartition

    from sinks.writer.bookmark import Name
    from sinks.writer.dead_letters import Letter

__all__ = ["Block", "Line", "LineId", "Piece", "Slice", "full_name"]

# A line of a packed record: partition, the record's offset, and the line's place in it, from 0.
LineId: TypeAlias = tuple[int, int, int]


def full_name(partition: TopicPartition, name: Name | None) -> str:
    """A block's name within its topic."""
    assert name is not None  # noqa: S101 - nothing is taken of a partition before it has one
    return f"{partition.partition}/{name.run:x}-{name.offset}"


@dataclass(frozen=True, slots=True)
class Piece:
    """One record, ready to insert: a body for each of the topic's tables, or the dead letter that it must become.

    `timestamp` is the record's (milliseconds), `parent` the span that it goes on from (`traceparent`) if it is traced.
    """

    offset: int
    bodies: tuple[bytes, ...]
    rows: int
    timestamp: int = 0
    letter: Letter | None = None
    parent: str | None = None

    @property
    def size(self) -> int:
        """What it takes of a buffer, in bytes; a record without rows takes something, too."""
        return sum(map(len, self.bodies)) + 1


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a packed record: where it is, the record's timestamp (milliseconds), the bytes."""

    id: LineId
    partition: TopicPartition
    timestamp: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Slice:
    """What a block has of one partition: records up to `end` (exclusive); `name` is the partition's at the time."""

    partition: TopicPartition
    end: int
    name: Name | None
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """Rows of all pieces."""
        return sum(piece.rows for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Block:
    """Slices of different partitions, which are stored together."""

    slices: tuple[Slice, ...]

    @property
    def rows(self) -> int:
        """Rows of all slices."""
        return sum(part.rows for part in self.slices)

    @property
    def name(self) -> str:
        """What tells it from every other block of the topic: the first of its partitions with rows, and their name.

        A partition without rows names none: who takes it over may have nothing to take the name away with.
        """
        first = next((part for part in self.slices if part.rows), self.slices[0])
        return full_name(first.partition, first.name)

    def body(self, target: int, without: Collection[LineId] = ()) -> bytes:
        """The bytes for one of the topic's tables, each partition's in offset order, without some lines."""
        if without:
            return b"".join(line.data + b"\n" for line in self.lines() if line.id not in without)
        return b"".join(piece.bodies[target] for part in self.slices for piece in part.pieces if piece.bodies)

    def lines(self) -> list[Line]:
        """The rows of a block of packed records, in its order; blank lines do not count."""
        found: list[Line] = []
        for part in self.slices:
            for piece in part.pieces:
                rows = (row for row in piece.bodies[0].split(b"\n") if row.strip()) if piece.bodies else ()
                found.extend(
                    Line((part.partition.partition, piece.offset, number), part.partition, piece.timestamp, row)
                    for number, row in enumerate(rows)
                )
        return found
