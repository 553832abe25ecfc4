"""Who changes generations now: at most one process, and whether there is one.

Kafka's group coordinator keeps the lease: whoever holds the only partition of the topic of generations in this group
has it, and who dies loses it when its session is over.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Self

from broker import clients
from broker.committed import members
from schemas.wire.generations import JournalError
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from schemas.settings import Settings

__all__ = ["Lease", "lease_is_held"]

# The shortest that brokers allow by default.
_SESSION_MS: Final = 6_000
_LONGEST_MS: Final = (1 << 31) - 1
_PATIENCE_SECONDS: Final = 15.0
_JOIN_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 0.5


def _group(settings: Settings) -> str:
    return f"{Topics.of(settings).prefix}generations"


class Lease:
    """The right to change generations, held while the block runs."""

    def __init__(self, settings: Settings, patience: float = _PATIENCE_SECONDS) -> None:
        """Name the lease and for how many seconds to wait for one who may be dead; nothing is connected yet."""
        self._settings = settings
        self._patience = patience
        self._topic = Topics.of(settings).generations
        self._consumer = clients.consumer(
            settings.kafka_options(),
            group_id=_group(settings),
            session_timeout_ms=_SESSION_MS,
            heartbeat_interval_ms=_SESSION_MS // 6,
            # Nothing is ever read.
            max_poll_interval_ms=_LONGEST_MS,
        )

    async def __aenter__(self) -> Self:
        """Take it; raises JournalError if another process has it, and aiokafka's KafkaError."""
        deadline = time.monotonic() + self._patience
        while await lease_is_held(self._settings):
            if time.monotonic() >= deadline:
                message = "another replay runs, or ended just now: `replay status` shows it; try again in a moment."
                raise JournalError(message)
            await asyncio.sleep(_LOOK_SECONDS)
        self._consumer.subscribe([self._topic])
        try:
            await self._consumer.start()
            async with asyncio.timeout(_JOIN_SECONDS):
                while not self._consumer.assignment():  # noqa: ASYNC110 - aiokafka tells nobody
                    await asyncio.sleep(_POLL_SECONDS)
        except BaseException as error:
            await self._consumer.stop()
            if isinstance(error, TimeoutError):
                message = "another replay began at the same moment: `replay status` shows it."
                raise JournalError(message) from error
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._consumer.stop()


async def lease_is_held(settings: Settings) -> bool:
    """Whether a process that lives changes generations; raises aiokafka's KafkaError."""
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        return bool(await members(admin, _group(settings)))
