"""Work that takes more than a moment: in a few threads, so that the loop goes on, and by turns of those who ask."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gateway.access import RETRY_SECONDS
from gateway.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Workshop"]

_Result = TypeVar("_Result")

# More threads would only take turns at the interpreter; unpacking does without it, so two overlap.
_THREADS: Final = 2

# A class that opens a step at once has fewer; the bodies themselves are bounded as well.
_MOST_WAITING: Final = 64


class Workshop:
    """Runs work in threads; of those who wait, each caller in turn gets one piece done."""

    def __init__(self, threads: int = _THREADS, most_waiting: int = _MOST_WAITING) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="bodies")
        self._free = threads
        self._most_waiting = most_waiting
        self._waiting: dict[str, deque[tuple[asyncio.Future[Any], Callable[[], Any]]]] = {}

    async def run(self, whose: str, work: Callable[[], _Result]) -> _Result:
        """What `work` returns or raises; raises ApiError 503 where too much of this caller's waits already."""
        queue = self._waiting.setdefault(whose, deque())
        if len(queue) >= self._most_waiting:
            raise ApiError("unavailable", {"Retry-After": str(RETRY_SECONDS)}, seconds=RETRY_SECONDS)
        done: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        queue.append((done, work))
        self._begin()
        try:
            return await done
        finally:
            # An error holds this frame, and with it the body; it must not hold itself as well.
            del done, work, queue

    def _begin(self) -> None:
        while self._free and self._waiting:
            whose, queue = next(iter(self._waiting.items()))
            del self._waiting[whose]
            done, work = queue.popleft()
            if queue:
                # Behind all others.
                self._waiting[whose] = queue
            if done.done():
                continue
            self._free -= 1
            running = asyncio.get_running_loop().run_in_executor(self._threads, work)
            running.add_done_callback(lambda ended, done=done: self._end(ended, done))  # type: ignore[misc]

    def _end(self, ended: asyncio.Future[Any], done: asyncio.Future[Any]) -> None:
        self._free += 1
        error = ended.exception()
        if not done.done():
            if error is None:
                done.set_result(ended.result())
            else:
                done.set_exception(error)
        self._begin()
