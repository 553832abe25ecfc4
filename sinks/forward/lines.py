"""Who is next: each student's messages in their order, each student by itself (pure: instants are arguments)."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiokafka import TopicPartition

    from schemas.wire.forwarding import Message

__all__ = ["Lines", "Pending"]


@dataclass(slots=True, eq=False)
class Pending:
    """A message that is not settled: the record that it is of, and how it has gone so far.

    `tried_since` is when this process first tried it (time.monotonic).
    """

    partition: TopicPartition
    record: Any
    message: Message
    failures: int = 0
    tried_since: float | None = None


@dataclass(slots=True)
class Lines:
    """A line for each student. Only the first of a line is tried, and nobody else of it while that is under way."""

    _lines: dict[str, deque[Pending]] = field(default_factory=dict)
    # When the first of each line that is not under way may be tried; the number keeps those of one instant in order.
    _due: list[tuple[float, int, str]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _count: int = 0

    def __len__(self) -> int:
        """How many messages there are."""
        return self._count

    def add(self, pending: Pending, now: float) -> None:
        """Put a message at the end of its student's line."""
        line = self._lines.setdefault(pending.message.student, deque())
        line.append(pending)
        self._count += 1
        if len(line) == 1:
            self._may_go(pending.message.student, now)

    def take(self, now: float) -> Pending | None:
        """The first of a line whose turn it is, None where nobody's is; it is under way until `settled` or `again`."""
        if not self._due or self._due[0][0] > now:
            return None
        _, _, student = heapq.heappop(self._due)
        return self._lines[student][0]

    def next_at(self) -> float | None:
        """When somebody's turn comes; None if nobody waits for one."""
        return self._due[0][0] if self._due else None

    def settled(self, pending: Pending, now: float) -> None:
        """Take a message out that was under way; the next of its line has its turn."""
        student = pending.message.student
        line = self._lines[student]
        line.popleft()
        self._count -= 1
        if line:
            self._may_go(student, now)
        else:
            del self._lines[student]

    def again(self, pending: Pending, at: float) -> None:
        """Let a message that was under way have its turn again at an instant; its line waits."""
        self._may_go(pending.message.student, at)

    def hurry(self, now: float) -> None:
        """Let everybody who waits have their turn now, in the order in which it would have come."""
        self._due = [(min(at, now), number, student) for number, (at, _, student) in enumerate(sorted(self._due))]
        self._numbers = itertools.count(len(self._due))

    def _may_go(self, student: str, at: float) -> None:
        heapq.heappush(self._due, (at, next(self._numbers), student))
