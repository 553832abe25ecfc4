"""What waits in the partitions of one topic, and when it becomes a block. Pure: time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sinks.writer.block import Block, Slice
from sinks.writer.bookmark import Bookmark, Name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka import TopicPartition

    from sinks.writer.block import Piece

__all__ = ["Backlog", "Buffer", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """When a block is cut.

    At so many rows or bytes at once; else when its oldest record has lingered, so that a lone record is visible soon,
    but not before a beat after the block before, so that a busy topic does not make many small parts: its own, and this
    one at least. Seconds.
    """

    rows: int = 200_000
    bytes: int = 8 << 20
    linger: float = 0.05
    least_beat: float = 0.0


class Buffer:
    """Records of one partition from its bookmark on.

    `start` is the offset up to which everything is stored, `position` the one after everything read. While it is not
    `settled`, `name` is a former owner's. While it is `busy`, records of it are under way.
    """

    def __init__(self, partition: TopicPartition, bookmark: Bookmark, run: int) -> None:
        """Start empty at a bookmark; `run` is in the names of all blocks of one assignment, and in no others."""
        self._topic_id = bookmark.topic_id
        self.partition = partition
        self.start = self.position = bookmark.offset
        self.name = bookmark.name
        self.settled = self.busy = False
        self.bytes = self.rows = 0
        self.since = 0.0
        self._run = run
        self._pieces: deque[Piece] = deque()
        self._taken: int | None = None

    def __len__(self) -> int:
        return len(self._pieces)

    def add(self, pieces: Iterable[Piece], position: int, now: float) -> None:
        """Take records in offset order; `position` is the offset after everything read, gaps included."""
        for piece in pieces:
            if piece.offset < self.position:
                continue
            if not self._pieces:
                self.since = now
            self._pieces.append(piece)
            self.position = piece.offset + 1
            self.bytes += piece.size
            self.rows += piece.rows
        self.position = max(self.position, position)

    @property
    def oldest(self) -> int | None:
        """When the first record in hand that is not stored yet was written, in milliseconds; None without any."""
        return self._taken or next((piece.timestamp for piece in self._pieces if piece.timestamp), None)

    def first_rows(self) -> tuple[bytes, ...] | None:
        """The bodies of the first record with rows, or None; it stays here."""
        return next((piece.bodies for piece in self._pieces if piece.rows), None)

    def take(self, rows: int, size: int, now: float) -> Slice:
        """Take records out, one at least, else no more than so many rows and bytes; busy until `move`."""
        taken: list[Piece] = []
        while self._pieces:
            piece = self._pieces[0]
            rows, size = rows - piece.rows, size - piece.size
            if taken and min(rows, size) < 0:
                break
            taken.append(self._pieces.popleft())
            self.bytes -= piece.size
            self.rows -= piece.rows
        self.busy, self.since = True, now
        self._taken = next((piece.timestamp for piece in taken if piece.timestamp), None)
        return Slice(self.partition, taken[-1].offset + 1, self.name, tuple(taken))

    @property
    def bookmark(self) -> Bookmark:
        """What is to be committed."""
        return Bookmark(self._topic_id, self.start, self.name)

    def settle(self) -> None:
        """From here on the names are ours."""
        self.settled = True
        self.move(self.start)

    def move(self, offset: int) -> None:
        """Everything up to here is stored, and what comes next has a name of its own."""
        self.start = offset
        self._taken = None
        self.name = Name(self._run, offset)

    def skip(self) -> bool:
        """Move over a gap that nothing waits before; returns whether the start moved.

        The name stays: it is committed already, so a block may have it at once.
        """
        if self._pieces or self.busy or self.start == self.position:
            return False
        self.start = self.position
        return True


class Backlog:
    """The buffers of a topic's partitions that this sink has. Blocks that are under way at once share no partition."""

    def __init__(self, buffers: Iterable[Buffer], limits: Limits, beat: float) -> None:
        """Gather what these buffers hold; `beat` is the topic's, in seconds."""
        self._buffers = tuple(buffers)
        self._limits = limits
        self._beat = max(beat, limits.least_beat)
        self._not_before = 0.0

    def waiting(self) -> list[Buffer]:
        """Those with records that may go into a block now, whose records have waited longest first."""
        free = (one for one in self._buffers if one.settled and not one.busy and len(one))
        return sorted(free, key=lambda one: one.since)

    def wait(self, now: float) -> float | None:
        """Seconds until a block can be cut without further records; None if only they, or an end, can bring one.

        While a block is under way only a full one can be cut: the others gather.
        """
        waiting = self.waiting()
        if not waiting:
            return None
        limits = self._limits
        if sum(one.rows for one in waiting) >= limits.rows or sum(one.bytes for one in waiting) >= limits.bytes:
            return 0
        if any(one.busy and one.settled for one in self._buffers):
            return None
        return max(0, waiting[0].since + limits.linger - now, self._not_before - now)

    def cut(self, now: float) -> Block:
        """Take the next block out, of a partition at least that has records waiting."""
        slices: list[Slice] = []
        rows, size = self._limits.rows, self._limits.bytes
        for buffer in self.waiting():
            if slices and (rows <= 0 or size <= 0):
                break
            part = buffer.take(rows, size, now)
            rows -= part.rows
            size -= sum(piece.size for piece in part.pieces)
            slices.append(part)
        self._not_before = now + self._beat
        return Block(tuple(slices))
