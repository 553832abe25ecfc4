"""Admission: which records of a chunk are the next ones of their partition (pure).

Around a rebalance Faust drops, repeats and reorders what was already fetched. The position decides instead: a chunk is
processed from the position on, and only if it begins at or before it.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.chunk import Chunk

__all__ = ["Admission", "Verdict", "skip_to"]


class Verdict(Enum):
    """What to do with a chunk."""

    ADMIT = "process its records from the position on"
    STALE = "drop it: all of it was processed"
    GAP = "drop it and read again from the position: records before it are missing"


@dataclass(slots=True)
class Admission:
    """The next offset of one partition that is to be processed, in one group generation."""

    position: int

    def judge(self, chunk: Chunk) -> Verdict:
        """Place the chunk relative to the position."""
        if chunk.start > self.position:
            return Verdict.GAP
        return Verdict.STALE if chunk.end <= self.position else Verdict.ADMIT

    def fresh(self, chunk: Chunk) -> Sequence[Any]:
        """The records of an admitted chunk that were not processed yet; may be empty."""
        if chunk.start == self.position:
            return chunk.records
        return chunk.records[bisect_left(chunk.records, self.position, key=lambda record: record.offset) :]

    def advance(self, end: int) -> None:
        """Everything before `end` was committed.

        Raises ValueError if the position would step back.
        """
        if end < self.position:
            message = f"the position cannot step back from {self.position} to {end}"
            raise ValueError(message)
        self.position = end


def skip_to(position: int, log_start: int) -> int | None:
    """Where to go on when the log begins at `log_start`: None if the position still is in the log."""
    return log_start if log_start > position else None
