"""Questions to ClickHouse for insights: so many at once, each within bounds of time, memory and answer.

Whoever looks at figures must not take ClickHouse from those who store them, nor the gateway from those who send.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson

from gateway.asked import AskedOnce
from gateway.reading.turns import BusyError, Turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
    from contextlib import AbstractAsyncContextManager

    from gateway.reading.store import ClickHouse

__all__ = ["RETRY_SECONDS", "BusyError", "Questions"]

_Answer = TypeVar("_Answer")

# What a caller who is turned away should wait.
RETRY_SECONDS: Final = 2

_AT_ONCE: Final = 8
_WAITING: Final = 100
_KEPT: Final = 64
_KEPT_ROWS: Final = 20_000

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


class Questions:
    """Asks the texts of gateway.insights.sql; those who come when all places are taken wait in turn for a moment."""

    def __init__(self, clickhouse: ClickHouse, *, at_once: int = _AT_ONCE, waiting: int = _WAITING) -> None:
        self._clickhouse = clickhouse
        self._turns = Turns(at_once, waiting)
        self._rows: Counter[Hashable] = Counter()
        self._kept: OrderedDict[Hashable, AskedOnce[Any]] = OrderedDict()

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
        async with self._turns.turn():
            return await self._clickhouse.rows(sql, parameters, as_bytes=as_bytes, limits=_LIMITS)

    async def keep(self, key: Hashable, ask: Callable[[], Awaitable[_Answer]], seconds: float) -> _Answer:
        """What `ask` found no longer ago than that for whoever asked by this key; raises what it raises.

        Whoever looks again and again does not wait: it is asked anew when half of that is over. So many answers are
        kept, and so many rows of them, those asked for last.
        """
        known: AskedOnce[_Answer] | None = self._kept.pop(key, None)
        asked = AskedOnce(ask, seconds / 2) if known is None else known
        self._kept[key] = asked
        recent = asked.recent(seconds)
        answer = await asked() if recent is None else recent
        if self._kept.get(key) is asked:
            self._rows[key] = len(answer) if isinstance(answer, list) else 1
        while len(self._kept) > _KEPT or (len(self._kept) > 1 and self._rows.total() > _KEPT_ROWS):
            oldest, _ = self._kept.popitem(last=False)
            del self._rows[oldest]
        return answer

    async def ahead(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """As `rows`, without waiting for a place: for the one in a process who asks little and often.

        Raises ReadError.
        """
        return await self._clickhouse.rows(sql, parameters, limits=_LIMITS)

    async def kept(self, sql: str, parameters: Mapping[str, Any], seconds: float) -> list[dict[str, Any]]:
        """As `rows`, kept for all who look (`keep`); they change nothing of it."""
        key = sql, orjson.dumps(parameters, option=orjson.OPT_SORT_KEYS)
        return await self.keep(key, lambda: self.rows(sql, parameters), seconds)
