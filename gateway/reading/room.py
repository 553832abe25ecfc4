"""Memory for large answers: whoever needs much of it at once waits for those who came before."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Room"]


class Room:
    """So many bytes, first come first served; more than there are at all is all of them."""

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def take(self, size: int, seconds: float) -> AsyncIterator[None]:
        """To be held while so many bytes are in use; raises TimeoutError where they are not free in so many seconds."""
        wanted = min(size, self._size)
        async with asyncio.timeout(seconds), self._turn:
            while self._free < wanted:
                self._freed.clear()
                await self._freed.wait()
            self._free -= wanted
        try:
            yield
        finally:
            self._free += wanted
            self._freed.set()
