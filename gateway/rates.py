"""How fast one token may send: a token bucket each."""

from __future__ import annotations

from math import ceil
from typing import Final

__all__ = ["RateLimiter"]

_SECONDS: Final = 60.0

# Buckets that are full again say nothing, so they may go whenever there are this many.
_MAX_BUCKETS: Final = 10_000


class RateLimiter:
    """Buckets of one minute's requests each, refilled evenly; time comes in as an argument (seconds, any origin)."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._rate = per_minute / _SECONDS
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str, now: float) -> int:
        """Take one request from a bucket; 0, or the seconds to wait if it is empty (then nothing is taken)."""
        level, at = self._buckets.get(name, (float(self.per_minute), now))
        level = min(level + (now - at) * self._rate, float(self.per_minute))
        if level < 1:
            self._buckets[name] = (level, now)
            return ceil((1 - level) / self._rate)
        if len(self._buckets) >= _MAX_BUCKETS and name not in self._buckets:
            self._forget_full(now)
        self._buckets[name] = (level - 1, now)
        return 0

    def _forget_full(self, now: float) -> None:
        self._buckets = {
            name: (level, at)
            for name, (level, at) in self._buckets.items()
            if level + (now - at) * self._rate < self.per_minute
        }
