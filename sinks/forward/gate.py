"""Whether anything may be posted now: nobody has paused the forwarder, and the receiver is not left alone for a while.

Pure: instants are arguments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.wire.forwarding import Pause
    from sinks.forward.policy import Policy

__all__ = ["Gate"]


@dataclass(slots=True)
class Gate:
    """One for all that a process posts.

    Attributes:
        known: Whether it is known if it is paused; before that nothing is posted.
        pause: Why nothing is to be posted at all; None where it is.
        away_since: Since when the receiver takes nothing; None while it does.
        under_way: How many posts are.
        resumed_at: When a pause ended last: before that nothing could be tried.
        resumes: How often an operator has had everything tried at once.
    """

    policy: Policy
    known: bool = False
    pause: Pause | None = None
    away_since: float | None = None
    under_way: int = 0
    resumed_at: float = 0.0
    resumes: int = 0
    _failures: int = field(default=0)
    _rests_until: float = field(default=0.0)
    _failed_at: float = field(default=-math.inf)

    def wait(self, now: float) -> float | None:
        """Seconds until something may be posted, 0 if now; None if something else has to happen first."""
        if not self.known or self.pause is not None:
            return None
        if self.away_since is not None and self.under_way:
            # One asks whether the receiver is back; the others wait for what it hears.
            return None
        return max(0.0, self._rests_until - now)

    def put(self, pause: Pause | None, now: float) -> Pause | None:
        """Let nothing be posted, or all again, and at once, where there is no pause; what was in force before.

        Of a receiver that was away one post asks first, without waiting any longer for what it had asked for.
        """
        before, self.pause, self.known = self.pause, pause, True
        if pause is None:
            self.resumes += 1
            self._failures, self._rests_until = 0, 0.0
            if before is not None:
                self.resumed_at = now
        return before

    def tried(self, since: float, now: float) -> float:
        """For how long something is tried that was first tried at `since`: before a pause ended nothing could be."""
        return now - max(since, self.resumed_at)

    def is_there(self, began: float) -> float | None:
        """Note that the receiver took something, or refused a single one; since when it was away, if it was.

        What began before the receiver last failed says nothing of how it is since: it stays alone as long as it asked.
        """
        if began < self._failed_at:
            return None
        since, self.away_since = self.away_since, None
        self._failures, self._rests_until = 0, 0.0
        return since

    def is_away(self, now: float, chance: float, wish: float | None) -> float:
        """Note that it takes nothing; until when nothing is posted."""
        self._failed_at = now
        if self.away_since is None:
            self.away_since = now
        if now >= self._rests_until:
            # Those that were under way together are one failure.
            self._failures += 1
        rest = self.policy.rest(self._failures, chance, wish)
        self._rests_until = max(self._rests_until, now + rest)
        return self._rests_until
