"""A client of several gateways, which goes to the next one where one has gone, and what became of its webhooks."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx

from tests.chaos.load import webhooks
from tests.support.http_directory import secret
from tests.support.plain_http import PLAIN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from tests.support.http_system import HttpSystem

__all__ = ["Balanced", "Found", "found"]

_ME: Final = "/v1/assignment/me/telemetry"
_SENDERS: Final = 16
_RETRY_SECONDS: Final = 0.1
_STORED_SECONDS: Final = 600


@dataclass
class Balanced:
    """Posts webhooks at a rate from threads, to whichever gateway answers; each has an Idempotency-Key of its own.

    Attributes:
        accepted: The keys of those that were answered `ok`.
        repeated: How often one was sent again, since a gateway had gone.
        refused: Answers that were no `ok`.
    """

    addresses: Sequence[str]
    rate: float
    seed: int
    accepted: set[str] = field(default_factory=set)
    repeated: int = 0
    refused: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._post()), daemon=True)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()
        self.seconds = time.monotonic() - self._began

    def grows(self, count: int) -> None:
        """Wait until so many more were accepted."""
        wanted = len(self.accepted) + count
        eventually(lambda: len(self.accepted) >= wanted, 300, f"{count} more webhooks accepted")

    async def _post(self) -> None:
        bodies = (one.value for one in webhooks(10_000_000, random.Random(self.seed), students=40))  # noqa: S311
        began, numbers = time.monotonic(), itertools.count()
        headers = {"Authorization": f"Token {secret('staff')}", "Academy": "1"}
        async with httpx.AsyncClient(headers=headers, timeout=30, verify=PLAIN) as http:

            async def send() -> None:
                while not self._stopped.is_set():
                    number = next(numbers)
                    await asyncio.sleep(max(0.0, began + number / self.rate - time.monotonic()))
                    await self._deliver(http, f"key-{number}", next(bodies))

            await asyncio.gather(*(send() for _ in range(_SENDERS)))

    async def _deliver(self, http: httpx.AsyncClient, key: str, body: bytes | None) -> None:
        """Post to one gateway after the other until one answers; one that has gone may have taken it all the same."""
        for attempt in itertools.count(int(key.rpartition("-")[2])):
            address = self.addresses[attempt % len(self.addresses)]
            try:
                answer = await http.post(f"{address}{_ME}", content=body, headers={"Idempotency-Key": key})
            except httpx.HTTPError:
                self.repeated += 1
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if answer.text == "ok":
                self.accepted.add(key)
                return
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                self.refused.append(f"{answer.status_code} {answer.text}")
                return
            self.repeated += 1
            await asyncio.sleep(_RETRY_SECONDS)


@dataclass(frozen=True, slots=True)
class Found:
    """What the tables have of a load, once nothing waits; `twice` are those that were counted more than once."""

    lost: int
    twice: int
    dead: int
    ledger: int
    facts: int
    repeated_facts: int

    @property
    def is_exact(self) -> bool:
        """Whether all that was accepted is there once."""
        return not (self.lost or self.twice or self.dead or self.ledger or self.repeated_facts)


_KEYS: Final = """
SELECT arrayFirst(header -> header.name = 'idempotency-key', headers).value AS key, count(),
       countIf(w.verdict != 'duplicate'), countIf(w.verdict = '')
FROM (SELECT id, headers FROM raw FINAL) AS r LEFT JOIN (SELECT id, verdict FROM webhooks) AS w ON r.id = w.id
GROUP BY key
"""
_WHOLE: Final = """
SELECT (SELECT sum(pending) FROM ledger), (SELECT max(abs(difference)) FROM ledger), (SELECT count() FROM dead_letters),
       (SELECT count() FROM events), (SELECT count() - uniqExact(item_id) FROM events),
       (SELECT count() FROM raw FINAL), (SELECT count() FROM webhooks)
"""


def found(system: HttpSystem, accepted: set[str]) -> Found:
    """Wait until nothing is pending and all keys are there, or nothing changes any more; what is there then."""

    def rows() -> tuple[Any, ...]:
        return tuple(system.query(_WHOLE)[0])

    def whole() -> bool:
        pending, *_, raw, outcomes = rows()
        return not pending and raw == outcomes and raw >= len(accepted)

    eventually(whole, _STORED_SECONDS, f"{len(accepted)} webhooks with their outcomes")
    keys = {str(key): (int(judged), int(unjudged)) for key, _, judged, unjudged in system.query(_KEYS)}
    _, difference, dead, facts, repeated, *_ = rows()
    return Found(
        lost=len(accepted - keys.keys()) + sum(unjudged for _, unjudged in keys.values()),
        twice=sum(judged > 1 for judged, _ in keys.values()),
        dead=int(dead),
        ledger=int(difference),
        facts=int(facts),
        repeated_facts=int(repeated),
    )
