"""The whole system, as operators see it: what the parts say of themselves, and what waits in this gateway's spools."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gateway.asked import AskedOnce
from gateway.durable.places import oldest_spooled
from gateway.reading.shown import iso_instant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from gateway.metrics import Metrics

__all__ = ["System"]

# To ask takes a second of other parts' time, and a page may ask again and again.
_FRESH_SECONDS: Final = 2.0
# What is shown beside other figures may be a little older, and must not hold them up.
_OLD_SECONDS: Final = 30.0
_WAIT_SECONDS: Final = 1.0
_BRIEF: Final = ("as_of", "healthy", "parts", "lag", "spool")


class System:
    """Asks for `status` (gateway.operating), and looks into the spools below a directory.

    Attributes:
        asked: All of it, two seconds old at most.
    """

    def __init__(self, status: Callable[[], Awaitable[dict[str, Any]]], metrics: Metrics, spool: Path) -> None:
        """Nothing is asked yet."""
        self._status = status
        self._metrics = metrics
        self._spool = spool
        self.asked = AskedOnce(self._ask, _FRESH_SECONDS)

    async def lately(self) -> dict[str, Any] | None:
        """Parts, lag and spools half a minute ago or later; None where nobody knows within a second."""
        told = await self.asked.lately(_OLD_SECONDS, _WAIT_SECONDS)
        return None if told is None else {name: told[name] for name in _BRIEF}

    async def _ask(self) -> dict[str, Any]:
        as_of = iso_instant(datetime.now(UTC))
        status, spool = await asyncio.gather(self._status(), asyncio.to_thread(self._spooled))
        return {"as_of": as_of, **status, "spool": spool}

    def _spooled(self) -> dict[str, Any]:
        state, oldest = self._metrics.state(), oldest_spooled(self._spool)
        return {
            "direct": bool(state["telemetry_gateway_direct"]),
            "records": int(state["telemetry_gateway_spool_records"]),
            "bytes": int(state["telemetry_gateway_spool_bytes"]),
            "damaged_segments": int(state["telemetry_gateway_spool_damaged_segments"]),
            "oldest_seconds": None if oldest is None else round(max(0.0, time.time() - oldest / 1000), 1),
        }
