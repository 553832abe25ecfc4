"""How many bytes of fetched records a process may hold."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.chunk import Chunk

__all__ = ["MemoryBudget"]


class MemoryBudget:
    """Counts the bytes of all chunks alive, wherever they wait, and holds fetching back while there are too many.

    A chunk counts from `add` until nothing refers to it: chunks that Faust drops around a rebalance are never handed
    back by anybody.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._freed = asyncio.Event()

    def add(self, chunk: Chunk) -> None:
        """Count the chunk while it lives."""
        self.held += chunk.size
        weakref.finalize(chunk, self._forget, chunk.size).atexit = False

    def _forget(self, size: int) -> None:
        self.held -= size
        self._freed.set()

    async def room(self) -> None:
        """Wait until less than the limit is held; what is fetched next may exceed it by one fetch."""
        while self.held >= self.limit:
            self._freed.clear()
            await self._freed.wait()
