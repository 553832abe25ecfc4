"""Whether a part's event loop turns, and how often something has held it up."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from broker.watched import Watched

if TYPE_CHECKING:
    from broker.metrics import PartMetrics

__all__ = ["LoopWatch"]

_BEAT_SECONDS: Final = 0.25
# Later than this is no matter of a busy machine's turns.
_STALL_SECONDS: Final = 0.1


class LoopWatch:
    """Turns with the loop, four times a second, and notes by how much it was late."""

    def __init__(self, metrics: PartMetrics) -> None:
        """Declare the figures; nothing turns before `start`."""
        self._metrics = metrics
        self._stalls = metrics.counter(
            "loop_stalls", "How often the event loop was held up for a tenth of a second or longer: all else waited."
        )
        self._seconds = metrics.counter("loop_stalled_seconds", "For how long altogether it was held up.")
        self._watching = Watched("loop", self._watch)

    def start(self) -> None:
        """Begin to turn with the running loop."""
        self._watching.start()

    async def stop(self) -> None:
        """End it; the part counts as living until its process is gone."""
        await self._watching.stop()
        self._metrics.turned = None

    async def _watch(self) -> None:
        while True:
            began = self._metrics.turned = time.monotonic()
            await asyncio.sleep(_BEAT_SECONDS)
            late = time.monotonic() - began - _BEAT_SECONDS
            if late >= _STALL_SECONDS:
                self._stalls.inc()
                self._seconds.inc(late)
