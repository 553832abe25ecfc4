"""What operators do to a running system, as far as the gateway offers it.

How it is done is the business of `operations`, of which the gateway knows nothing: it is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.reference.lookup import Reference

__all__ = [
    "LONGEST_TRIAL_MINUTES",
    "OPERATE",
    "TRIAL_MINUTES",
    "Judged",
    "Operating",
    "Resolved",
    "Webhook",
]

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


@dataclass(frozen=True, slots=True)
class Webhook:
    """A record of the raw topic as it would be sent; `arrival` is in milliseconds since 1970 UTC."""

    partition: int
    offset: int
    arrival: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the worker would make of a webhook: status, verdict and text as the log of webhooks would have them."""

    status: str
    verdict: str
    text: str


class Operating(Protocol):
    """The commands of operators; each raises gateway.errors.KafkaUnavailableError where Kafka does not answer."""

    async def status(self, *, counted: bool = True) -> dict[str, Any]:
        """Parts, lag, rows, restarts, generations and what a replay last compared, as plain JSON values.

        What is away is told as a part's state. Unless `counted` no rows, bytes and last error are told.
        """

    async def keep_lag(self) -> None:
        """Measure again and again how far every part is behind, and keep it in the table `lag_history`; for ever."""

    async def keep_counts(self) -> None:
        """Count rows of tables that stand still, for `status` to tell at once; for ever."""

    async def retry(self, letters: Sequence[int]) -> Resolved:
        """Send dead letters that wait to where they came from, each once.

        This and the next two leave those that do not wait, whatever a table says yet, and raise
        gateway.reading.store.ReadError where ClickHouse does not answer.
        """

    async def change(self, letter: int, patch: list[Any]) -> Resolved:
        """Send a webhook that waits again, changed by a JSON Patch (schemas.json_patch)."""

    async def drop(self, letters: Sequence[int]) -> Resolved:
        """Give dead letters that wait up."""

    async def try_rules(self, academy: int, rules: dict[str, Any], minutes: int) -> dict[str, Any]:
        """What ignore rules (schemas.reference.rules.validate) would have done to what came in the last minutes.

        The figures of operations.rule_trial, one trial at a time. Raises gateway.reading.questions.BusyError while
        another one runs, and gateway.reading.store.ReadError where it cannot be made, or not in time.
        """

    def judge(self, webhook: Webhook, reference: Reference) -> Judged:
        """What the worker would make of a webhook of a student of whom nothing is known; nothing comes of it.

        Takes some tenths of a second of a large document: to be called in a thread, with a `reference` that threads may
        ask.
        """
