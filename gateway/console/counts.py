"""How many students are stuck, asked once in a while for all who look at an overview."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from gateway.asked import AskedOnce
from gateway.insights.stuck import StuckRule, find_stuck

if TYPE_CHECKING:
    from gateway.insights.sight import Sight
    from gateway.reading.questions import Questions

__all__ = ["StuckCounts"]

# Every overview that is open asks again whenever something is stored.
_FRESH_SECONDS: Final = 5.0
_KEPT: Final = 64


class StuckCounts:
    """Counts of the academies that were looked at last, each some seconds old at most."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, AskedOnce[int]] = OrderedDict()

    async def __call__(self, questions: Questions, sight: Sight) -> int:
        """How many students an academy's staff see stuck by the usual rule; raises BusyError and ReadError."""

        async def count() -> int:
            return len({row["actor"] for row in await find_stuck(questions, sight, StuckRule())})

        asked = self._kept.pop(sight.academy, None) or AskedOnce(count, _FRESH_SECONDS / 2)
        self._kept[sight.academy] = asked
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        recent = asked.recent(_FRESH_SECONDS)
        return await asked() if recent is None else recent
