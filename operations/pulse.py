"""How a running system does at this moment, asked again and again at little cost: what came in, and what waits."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from aiokafka.errors import KafkaError

from broker import clients
from broker.committed import committed_before
from broker.waiting import Waiting
from gateway.reading.store import ClickHouse, ReadError
from operations.generations.journal import at_live, read_journal
from operations.lag import readings
from schemas.wire.generations import Journal, JournalError

if TYPE_CHECKING:
    from aiokafka import TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient

    from schemas.settings import Settings

__all__ = ["Arrivals", "Backlog", "Pulse", "PulseTaker"]

_ANSWER_SECONDS: Final = 5.0
# Another generation may become the live one.
_JOURNAL_SECONDS: Final = 30.0
# An hour by the table's index of arrival: a long log costs no more than a short one.
_ARRIVALS: Final = """
SELECT
    countIf(received_at > now64(3) - toIntervalMinute(1)) AS last_minute,
    if(count() = 0, NULL, (toUnixTimestamp64Milli(now64(3)) - toUnixTimestamp64Milli(max(received_at))) / 1000) AS age
FROM raw
WHERE received_at > now64(3) - toIntervalHour(1)
"""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Webhooks that are stored: those that came in the last minute, and the seconds since the newest of an hour came.

    `age` is None where none did.
    """

    last_minute: int
    age: float | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """Offsets that wait for workers or sinks, and how many seconds the first of them has waited."""

    offsets: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pulse:
    """None stands for what nobody answers: ClickHouse for `arrivals`, Kafka for the other two."""

    arrivals: Arrivals | None
    to_process: Backlog | None
    to_store: Backlog | None


class PulseTaker:
    """Asks Kafka and ClickHouse over connections that it keeps; an asynchronous context manager."""

    def __init__(self, settings: Settings) -> None:
        """Name the servers; nothing is connected yet."""
        self._settings = settings
        self._store = ClickHouse(settings)
        self._kafka = contextlib.AsyncExitStack()
        self._admin: AIOKafkaAdminClient | None = None
        # The raw topic is read by both.
        self._waiting = {part: Waiting(settings.kafka_options(), _ANSWER_SECONDS) for part in ("worker", "sink")}
        self._live: Settings | None = None
        self._live_until = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._store.close()
        await self._leave_kafka()

    async def take(self) -> Pulse:
        """Ask both; whoever does not answer is left out, and nothing is raised for it."""
        arrivals = await self._arrivals()
        to_process, to_store = await self._backlogs()
        return Pulse(arrivals, to_process, to_store)

    async def _arrivals(self) -> Arrivals | None:
        try:
            (row,) = await self._store.rows(_ARRIVALS)
        except ReadError:
            return None
        return Arrivals(row["last_minute"], row["age"])

    async def _backlogs(self) -> tuple[Backlog | None, Backlog | None]:
        try:
            live = await self._live_settings()
            return await self._backlog(live, "worker"), await self._backlog(live, "sink")
        except (KafkaError, OSError, TimeoutError, JournalError):
            await self._leave_kafka()
            return None, None

    async def _live_settings(self) -> Settings:
        if self._live is None or time.monotonic() > self._live_until:
            self._live = at_live(self._settings, await read_journal(self._settings))
            self._live_until = time.monotonic() + _JOURNAL_SECONDS
        return self._live

    async def _backlog(self, live: Settings, part: str) -> Backlog:
        admin = await self._connected()
        positions: dict[TopicPartition, int] = {}
        for reading in readings(live, Journal()):
            if reading.part == part:
                positions |= await committed_before(admin, reading.group, reading.sources(live.partitions))
        queues = await self._waiting[part].queues(positions)
        now = time.time()
        seconds = max((now - queue.since / 1000 for queue in queues.values() if queue.since is not None), default=0.0)
        return Backlog(sum(queue.offsets for queue in queues.values()), max(0.0, seconds))

    async def _connected(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            self._admin = await self._kafka.enter_async_context(
                clients.opened(clients.admin(self._settings.kafka_options()))
            )
            for waiting in self._waiting.values():
                await self._kafka.enter_async_context(waiting)
        return self._admin

    async def _leave_kafka(self) -> None:
        self._admin = None
        # A broker that is away cannot be left in good order.
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            await self._kafka.aclose()
