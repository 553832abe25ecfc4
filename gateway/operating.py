"""What operators do to a running system, as far as the gateway offers it.

How it is done is the business of `operations`, of which the gateway knows nothing: it is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LONGEST_TRIAL_MINUTES", "OPERATE", "TRIAL_MINUTES", "Operating", "Resolved"]

# How far back rules are tried, if nobody says, and at most.
TRIAL_MINUTES = 7 * 24 * 60
LONGEST_TRIAL_MINUTES = 31 * 24 * 60

# The capability to see and mend the whole system, in whichever academy it is held.
OPERATE = "operate_telemetry"


@dataclass(frozen=True, slots=True)
class Resolved:
    """How many dead letters were resolved, and why others were left as they are, by id."""

    count: int
    left: dict[int, str]


class Operating(Protocol):
    """The commands of operators; each raises gateway.errors.KafkaUnavailableError where Kafka does not answer."""

    async def status(self) -> dict[str, Any]:
        """Parts, lag, rows, restarts, generations and what a replay last compared, as plain JSON values.

        What is away is told as a part's state.
        """

    async def retry(self, letters: Sequence[int]) -> Resolved:
        """Send dead letters that wait to where they came from."""

    async def change(self, letter: int, patch: list[Any]) -> Resolved:
        """Send a webhook that waits again, changed by a JSON Patch (schemas.json_patch)."""

    async def drop(self, letters: Sequence[int]) -> Resolved:
        """Give dead letters that wait up."""

    async def try_rules(self, academy: int, rules: dict[str, Any], minutes: int) -> dict[str, Any]:
        """What ignore rules (schemas.reference.rules.validate) would have done to what came in the last minutes.

        The figures of operations.rule_trial. Raises gateway.reading.questions.BusyError while another trial runs, and
        gateway.reading.store.ReadError where it cannot be made, or not in time.
        """
