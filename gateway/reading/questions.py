"""Questions to ClickHouse for insights: so many at once, each within bounds of time, memory and answer.

Whoever looks at figures must not take ClickHouse from those who store them, nor the gateway from those who send.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.asked import AskedOnce

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from contextlib import AbstractAsyncContextManager

    from gateway.reading.store import ClickHouse

__all__ = ["RETRY_SECONDS", "BusyError", "Questions"]

# What a caller who is turned away should wait.
RETRY_SECONDS: Final = 2

_AT_ONCE: Final = 8
_WAITING: Final = 100
_WAIT_SECONDS: Final = 3.0
_KEPT: Final = 64

_LIMITS: Final[dict[str, Any]] = {
    "max_execution_time": 5,
    "max_memory_usage": 1 << 30,
    "max_threads": 4,
    # What narrows a question to some students and tutorials, by columns of a table's order alone, is looked at before
    # rows of one identity are brought together: all of them agree in it.
    "optimize_move_to_prewhere_if_final": 1,
    # Every text has a LIMIT below these; they are for what nobody thought of.
    "max_result_rows": 600_000,
    "max_result_bytes": 16 << 20,
    "result_overflow_mode": "throw",
}


class BusyError(Exception):
    """Too many questions are asked at once."""


class Questions:
    """Asks the texts of gateway.insights.sql; those who come when all places are taken wait in turn for a moment."""

    def __init__(self, clickhouse: ClickHouse, *, at_once: int = _AT_ONCE, waiting: int = _WAITING) -> None:
        self._clickhouse = clickhouse
        self._places = asyncio.Semaphore(at_once)
        self._most = waiting
        self._waiting = 0
        self._kept: OrderedDict[tuple[str, bytes], AskedOnce[list[dict[str, Any]]]] = OrderedDict()

    def room(self, size: int) -> AbstractAsyncContextManager[None]:
        """To be held while so many bytes are read and made an answer (gateway.reading.store)."""
        return self._clickhouse.room(size)

    async def rows(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, as_bytes: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """The rows of a question, by column; those of `as_bytes` are not decoded.

        Raises BusyError where no place becomes free in three seconds or a hundred wait already, and ReadError as
        gateway.reading.store does.
        """
        await self._enter()
        try:
            return await self._clickhouse.rows(sql, parameters, as_bytes=as_bytes, limits=_LIMITS)
        finally:
            self._places.release()

    async def kept(self, sql: str, parameters: Mapping[str, Any], seconds: float) -> list[dict[str, Any]]:
        """As `rows`, of what was found no longer ago than that: asked once for all who look. They change nothing of it.

        For few and small answers: so many are kept, those asked for last.
        """
        key = sql, orjson.dumps(parameters, option=orjson.OPT_SORT_KEYS)
        asked = self._kept.pop(key, None) or AskedOnce(lambda: self.rows(sql, parameters), seconds)
        self._kept[key] = asked
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return await asked()

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
