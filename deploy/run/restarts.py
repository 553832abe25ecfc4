"""When to start a part again that has ended: pure decisions, no clock and no process."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Restart", "RestartPolicy"]


@dataclass(frozen=True, slots=True)
class Restart:
    """What to do about a part that has ended: wait `delay` seconds, and speak up if `alarming`.

    `in_a_row` counts the ends since the part last ran well, this one included.
    """

    delay: float
    in_a_row: int
    alarming: bool


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Exponential back-off: `first_delay` seconds, each time `factor` times as long, at most `longest_delay`.

    A part that ran for `healthy_seconds` counts as well again. From `alarm_after` ends in a row on, they are alarming.
    """

    first_delay: float = 0.5
    factor: float = 2.0
    longest_delay: float = 15.0
    healthy_seconds: float = 30.0
    alarm_after: int = 5

    def decide(self, in_a_row: int, lived: float) -> Restart:
        """Decide about a part that ended after `lived` seconds, with `in_a_row` ends before this one."""
        count = 1 if lived >= self.healthy_seconds else in_a_row + 1
        # Past this many doublings the delay is at its cap anyway, and the power would overflow.
        exponent = min(count - 1, 60)
        delay = min(self.first_delay * self.factor**exponent, self.longest_delay)
        return Restart(delay, count, count >= self.alarm_after)
