"""Turns at what only so many may do at once: others wait for a moment, and are turned away where too many do."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["BusyError", "Turns"]

_WAIT_SECONDS: Final = 3.0


class BusyError(Exception):
    """Too many ask at once."""


class Turns:
    """So many at once, first come first served, while at most `waiting` others wait, for three seconds at most."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._most = waiting
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """To be held meanwhile; raises BusyError where no place becomes free in time, or too many wait already."""
        await self._enter()
        try:
            yield
        finally:
            self._places.release()

    async def _enter(self) -> None:
        if self._waiting >= self._most:
            raise BusyError
        self._waiting += 1
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise BusyError from None
        finally:
            self._waiting -= 1
