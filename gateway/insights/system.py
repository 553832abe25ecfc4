"""The whole system, as operators see it: what the parts say of themselves, and what waits in this gateway's spools."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gateway.asked import AskedOnce
from gateway.durable.places import oldest_spooled
from gateway.insights.lag_history import find_lag_history
from gateway.reading.shown import iso_instant

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.metrics import Metrics
    from gateway.operating import Operating
    from gateway.reading.questions import Questions

__all__ = ["System"]

# To ask takes a second of other parts' time, and a page may ask again and again.
_FRESH_SECONDS: Final = 2.0
# What is shown beside other figures may be a little older, and must not hold them up.
_OLD_SECONDS: Final = 30.0
_WAIT_SECONDS: Final = 1.0
_BRIEF: Final = ("as_of", "healthy", "parts", "lag", "spool")


class System:
    """Asks for `status` (gateway.operating) and the lag of the last hours, and looks into the spools of a directory.

    Attributes:
        asked: All of it, two seconds old at most.
    """

    def __init__(self, operating: Operating, questions: Questions, metrics: Metrics, spool: Path) -> None:
        """Nothing is asked yet."""
        self._operating = operating
        self._questions = questions
        self._metrics = metrics
        self._spool = spool
        self.asked = AskedOnce(self._ask, _FRESH_SECONDS)
        self._brief = AskedOnce(self._ask_briefly, _FRESH_SECONDS)

    async def lately(self) -> dict[str, Any] | None:
        """Parts, lag and spools half a minute ago or later; None where nobody knows within a second."""
        return await self._brief.lately(_OLD_SECONDS, _WAIT_SECONDS)

    async def _ask_briefly(self) -> dict[str, Any]:
        # Whoever looks at other figures must not wait until all rows are counted.
        now = datetime.now(UTC)
        status, spool = await asyncio.gather(self._operating.status(counted=False), asyncio.to_thread(self._spooled))
        told = {"as_of": iso_instant(now), **status, "spool": spool}
        return {name: told[name] for name in _BRIEF}

    async def _ask(self) -> dict[str, Any]:
        now = datetime.now(UTC)
        status, spool, history = await asyncio.gather(
            self._operating.status(), asyncio.to_thread(self._spooled), find_lag_history(self._questions, now)
        )
        return {"as_of": iso_instant(now), **status, "spool": spool, "lag_history": history}

    def _spooled(self) -> dict[str, Any]:
        state, oldest = self._metrics.state(), oldest_spooled(self._spool)
        return {
            "direct": bool(state["telemetry_gateway_direct"]),
            "records": int(state["telemetry_gateway_spool_records"]),
            "bytes": int(state["telemetry_gateway_spool_bytes"]),
            "damaged_segments": int(state["telemetry_gateway_spool_damaged_segments"]),
            "oldest_seconds": None if oldest is None else round(max(0.0, time.time() - oldest / 1000), 1),
        }
