"""What waits in one partition, and when it becomes a block. Pure: time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sinks.writer.bookmark import Bookmark, LineId
    from sinks.writer.dead_letters import Letter

__all__ = ["Block", "Buffer", "Limits", "Line", "Piece"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One record, ready to insert: a body for each of the topic's tables, or the dead letter that it must become.

    `timestamp` is the record's (milliseconds).
    """

    offset: int
    bodies: tuple[bytes, ...]
    rows: int
    timestamp: int = 0
    letter: Letter | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a packed record: which it is, the record's timestamp (milliseconds), the bytes."""

    id: LineId
    timestamp: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """The records of [first, end), which are stored together or not at all."""

    first: int
    end: int
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """Rows of all pieces."""
        return sum(piece.rows for piece in self.pieces)

    def body(self, target: int) -> bytes:
        """The bytes for one of the topic's tables, in offset order."""
        return b"".join(piece.bodies[target] for piece in self.pieces if piece.bodies)

    def lines(self) -> list[Line]:
        """The rows of a block of packed records, in offset order."""
        found: list[Line] = []
        for piece in self.pieces:
            rows = (row for row in piece.bodies[0].split(b"\n") if row.strip()) if piece.bodies else ()
            found.extend(Line((piece.offset, number), piece.timestamp, row) for number, row in enumerate(rows))
        return found


@dataclass(frozen=True, slots=True)
class Limits:
    """When a block is cut.

    At so many rows or bytes at once; else when its oldest record has lingered, so that a lone record is visible soon,
    but not before an interval after the block before, so that a busy partition does not make many small parts. Seconds.
    """

    rows: int = 200_000
    bytes: int = 16 << 20
    linger: float = 0.05
    interval: float = 0.9


class Buffer:
    """Records of one partition from its bookmark on."""

    def __init__(self, bookmark: Bookmark, limits: Limits) -> None:
        """Start empty at a bookmark; its intent, if any, decides the first block's end."""
        self._limits = limits
        self._intended = bookmark.intent.end if bookmark.intent is not None else None
        self._pieces: deque[Piece] = deque()
        self._since = 0.0
        self._not_before = 0.0
        self.start = bookmark.offset
        self.position = bookmark.offset
        self.bytes = 0
        self.rows = 0

    def __len__(self) -> int:
        return len(self._pieces)

    def add(self, pieces: Iterable[Piece], position: int, now: float) -> None:
        """Take records in offset order; `position` is the offset after everything read, gaps included."""
        for piece in pieces:
            if piece.offset < self.position:
                continue
            if not self._pieces:
                self._since = now
            self._pieces.append(piece)
            self.position = piece.offset + 1
            self.bytes += _size(piece)
            self.rows += piece.rows
        self.position = max(self.position, position)

    def due(self, now: float) -> bool:
        """Whether a block can be cut now.

        An intended block is due once everything before its end has been read.
        """
        if self._intended is not None:
            return self.position >= self._intended
        full = self.rows >= self._limits.rows or self.bytes >= self._limits.bytes
        return bool(self._pieces) and (full or now >= self._due)

    def wait(self, now: float) -> float | None:
        """Seconds until a block could be due without further records; None if only records can bring one."""
        if self._intended is not None or not self._pieces:
            return None
        return max(0.0, self._due - now)

    @property
    def _due(self) -> float:
        return max(self._since + self._limits.linger, self._not_before)

    def cut(self, now: float) -> Block | None:
        """Take the next block out, or None if none is due.

        The end of an intended block is kept whatever the limits say. Gaps that transactions and compaction leave belong
        to the block before them only as far as it was intended.
        """
        if not self.due(now):
            return None
        if self._intended is not None:
            end, self._intended = self._intended, None
            return self._take(end, now)
        rows = size = end = 0
        for piece in self._pieces:
            if end and (rows + piece.rows > self._limits.rows or size + _size(piece) > self._limits.bytes):
                break
            rows += piece.rows
            size += _size(piece)
            end = piece.offset + 1
        return self._take(end, now)

    def skip(self) -> bool:
        """Move over a gap that nothing waits before; returns whether the start moved."""
        if self._pieces or self._intended is not None or self.start == self.position:
            return False
        self.start = self.position
        return True

    def _take(self, end: int, now: float) -> Block:
        pieces: list[Piece] = []
        while self._pieces and self._pieces[0].offset < end:
            piece = self._pieces.popleft()
            self.bytes -= _size(piece)
            self.rows -= piece.rows
            pieces.append(piece)
        block = Block(self.start, end, tuple(pieces))
        self.start = end
        self._since = now
        self._not_before = now + self._limits.interval
        return block


def _size(piece: Piece) -> int:
    return sum(map(len, piece.bodies)) + 1
