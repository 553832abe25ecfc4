"""Questions that anybody may ask as often as they like, and that are work for others: asked once for all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["AskedOnce"]

_Answer = TypeVar("_Answer")


class AskedOnce(Generic[_Answer]):
    """Asks once for all who want to know at a time, and again when the answer is `fresh_seconds` old."""

    def __init__(self, ask: Callable[[], Awaitable[_Answer]], fresh_seconds: float) -> None:
        self._ask = ask
        self._fresh_seconds = fresh_seconds
        self._asking: asyncio.Future[_Answer] | None = None
        self._at = 0.0
        self._last: tuple[float, _Answer] | None = None

    async def __call__(self) -> _Answer:
        """What was found a moment ago, or is found now; raises what asking raises."""
        return await asyncio.shield(self._asked())

    def recent(self, old_seconds: float) -> _Answer | None:
        """What was found at most so long ago; it is asked anew once that is half as old. None where that is nothing."""
        if self._last is None:
            return None
        age = asyncio.get_running_loop().time() - self._last[0]
        if age > old_seconds:
            return None
        if age > old_seconds / 2:
            self._asked()
        return self._last[1]

    async def lately(self, old_seconds: float, wait_seconds: float) -> _Answer | None:
        """As `recent`, else what is found now.

        None where that is nothing, and asking fails or takes more than `wait_seconds`.
        """
        recent = self.recent(old_seconds)
        if recent is not None:
            return recent
        asking = self._asked()
        await asyncio.wait({asking}, timeout=wait_seconds)
        failed = not asking.done() or asking.cancelled() or asking.exception() is not None
        return None if failed else asking.result()

    def _asked(self) -> asyncio.Future[_Answer]:
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and self._is_old(self._asking, now)):
            self._asking = asyncio.ensure_future(self._ask())
            self._asking.add_done_callback(self._keep)
            self._at = now
        return self._asking

    def _keep(self, asked: asyncio.Future[_Answer]) -> None:
        # Whether it failed is looked at here, too, where nobody may wait for it any more.
        if not asked.cancelled() and asked.exception() is None:
            self._last = asyncio.get_running_loop().time(), asked.result()

    def _is_old(self, asked: asyncio.Future[_Answer], now: float) -> bool:
        """An error is old at once: what was away may be back."""
        return asked.cancelled() or asked.exception() is not None or now - self._at > self._fresh_seconds
