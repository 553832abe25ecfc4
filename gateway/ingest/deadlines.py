"""Deadlines for tasks, at a fraction of what a timer for each request costs."""

from __future__ import annotations

import asyncio
from typing import Final

__all__ = ["Deadlines"]

_SWEEP_SECONDS: Final = 1.0


class Deadlines:
    """Cancels tasks that are still watched after `seconds` (up to a second later).

    A task that was cancelled so finds itself in `expired` and must answer for it (`Task.uncancel`).
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired: set[asyncio.Task[object]] = set()
        self._due: dict[asyncio.Task[object], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, task: asyncio.Task[object]) -> None:
        """Begin to count for a task, anew if it is watched already."""
        loop = asyncio.get_running_loop()
        self._due.pop(task, None)
        self._due[task] = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_later(_SWEEP_SECONDS, self._sweep)

    def release(self, task: asyncio.Task[object]) -> bool:
        """Stop counting; whether the deadline had passed."""
        self._due.pop(task, None)
        if task not in self.expired:
            return False
        self.expired.discard(task)
        return True

    def expire(self, task: asyncio.Task[object]) -> None:
        """Take a watched task's deadline for passed."""
        if self._due.pop(task, None) is not None:
            self.expired.add(task)
            task.cancel()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        # Watched in order, so the first that is not due ends the search.
        while self._due:
            task, due = next(iter(self._due.items()))
            if due > now:
                break
            del self._due[task]
            self.expired.add(task)
            task.cancel()
        self._timer = loop.call_later(_SWEEP_SECONDS, self._sweep) if self._due else None
