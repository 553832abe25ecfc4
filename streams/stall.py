"""When a worker counts as stalled (pure)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["StallPolicy", "StallState"]


@dataclass(frozen=True, slots=True)
class StallPolicy:
    """How long a worker may stand still.

    Attributes:
        patience_s: Seconds without a step forward while there is something to do.
    """

    patience_s: float


@dataclass(slots=True)
class StallState:
    """What the watchdog has seen; `now` is always the caller's monotonic clock, in seconds."""

    policy: StallPolicy
    since: float
    steps: int = 0

    def observe(self, now: float, *, steps: int, waiting: bool) -> float | None:
        """Take a look: how many seconds the worker has stood still with work waiting, if more than its patience.

        Args:
            now: Monotonic seconds.
            steps: Steps forward since the start of the process.
            waiting: Whether records wait that this worker should process, or an assignment does not come to an end.
        """
        if steps != self.steps or not waiting:
            self.steps, self.since = steps, now
            return None
        still = now - self.since
        return still if still > self.policy.patience_s else None
