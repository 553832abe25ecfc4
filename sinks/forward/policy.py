"""What an answer means, how long to wait for the next try, and when a message is given up (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["Answer", "Policy", "Verdict", "verdict_of"]

_GOOD: Final = range(200, 300)
_GONE: Final = 410
# Said of the receiver as a whole: too much, or what is in front of it has nobody behind.
_NOT_NOW: Final = frozenset({429, 502, 503, 504})


class Verdict(Enum):
    """What an answer means."""

    TAKEN = "taken"
    # This message: others may well be taken.
    REFUSED = "refused"
    # The receiver: no other would be taken now.
    AWAY = "away"
    # It wants nothing any more, by Standard Webhooks.
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a post: `status` is None where nobody answered, `retry_after` the seconds that were asked for."""

    status: int | None
    reason: str = ""
    retry_after: float | None = None


def verdict_of(answer: Answer) -> Verdict:
    """What an answer means; a redirect is a refusal, for whoever is sent elsewhere could be sent anywhere."""
    if answer.status is None or answer.status in _NOT_NOW:
        return Verdict.AWAY
    if answer.status == _GONE:
        return Verdict.GONE
    return Verdict.TAKEN if answer.status in _GOOD else Verdict.REFUSED


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient a forwarder is, in seconds.

    A message is given up once it is older than `give_up`, but not before this process has tried for `least_tries`: what
    has waited for a forwarder that did not run gets its chance.
    """

    give_up: float
    first_pause: float = 1.0
    longest_pause: float = 900.0
    # Of a receiver that takes nothing: one post a minute asks whether it is back.
    longest_rest: float = 60.0
    least_tries: float = 3600.0
    # A receiver that asks for longer is asked again all the same: for that message in hours, and for all others in
    # minutes, since what it asks for may be about that one alone, as a limit for each student is.
    longest_wish: float = 6 * 3600.0
    longest_wish_of_all: float = 300.0

    def pause(self, failures: int, chance: float, retry_after: float | None = None) -> float:
        """Seconds until the next try after so many failures in a row, at least 1; `chance` is from 0 to 1.

        It doubles up to the longest and is spread over the half below, so that what failed together does not come back
        together. What the receiver asks for is the least.
        """
        return max(self._spread(failures, chance, self.longest_pause), min(retry_after or 0.0, self.longest_wish))

    def turn(self, failures: int, chance: float, retry_after: float | None = None) -> float:
        """The same of a message that was not taken because the receiver takes nothing."""
        return max(self._spread(failures, chance, self.longest_rest), min(retry_after or 0.0, self.longest_wish))

    def rest(self, failures: int, chance: float, retry_after: float | None = None) -> float:
        """The same of a receiver that takes nothing, whichever message it is."""
        wish = min(retry_after or 0.0, self.longest_wish_of_all)
        return max(self._spread(failures, chance, self.longest_rest), wish)

    def _spread(self, failures: int, chance: float, most: float) -> float:
        # Above sixty the power says no more than the most does.
        longest = min(most, self.first_pause * 2.0 ** min(failures - 1, 60))
        return longest * (0.5 + chance / 2)

    def gives_up(self, *, age: float, tried: float) -> bool:
        """Whether a message that failed again is given up: how long ago it was written, and first tried here."""
        return age >= self.give_up and tried >= min(self.least_tries, self.give_up)
