"""Changes of ignore rules, as they were kept when they were made (broker.rule_changes)."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition

from broker import clients
from broker.rule_changes import TopicMissingError
from schemas.wire.rule_changes import read_change
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer

    from schemas.settings import Settings
    from schemas.wire.rule_changes import RuleChange

__all__ = ["RuleHistory"]

_PARTITION: Final = 0
_POLL_MS: Final = 500
# A change's record and the end of its transaction.
_OFFSETS: Final = 2


@dataclass(frozen=True, slots=True)
class _Kept:
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    at: int

    @property
    def size(self) -> int:
        return len(self.value) + sum(len(name) + len(data) for name, data in self.headers)

    def change(self) -> RuleChange:
        return read_change(self.key, self.value, self.headers, self.at)


class RuleHistory:
    """The newest changes of all academies: at most `most`, and of as many bytes, the newest one whatever its size.

    They are read when they are asked for, from where the last question ended.
    """

    def __init__(self, settings: Settings, *, most: int = 10_000, most_bytes: int = 8 << 20) -> None:
        """Nothing is read yet."""
        self._settings = settings
        self._most, self._most_bytes = most, most_bytes
        self._kept: deque[_Kept] = deque()
        self._bytes = 0
        self._position: int | None = None
        self._turn = asyncio.Lock()

    async def read(
        self, academy: int | None, *, limit: int, offset: int = 0, seconds: float
    ) -> tuple[int, list[RuleChange]]:
        """How many changes of an academy, or of all of them, are kept, and those at these places, the newest first.

        Raises KafkaError, OSError or TimeoutError where Kafka does not tell within so many seconds, TopicMissingError.
        """
        async with asyncio.timeout(seconds), self._turn:
            await self._read_on()
        wanted = None if academy is None else b"%d" % academy
        kept = [record for record in reversed(self._kept) if wanted in (None, record.key)]
        return len(kept), [record.change() for record in kept[offset : offset + limit]]

    async def _read_on(self) -> None:
        topic = Topics.of(self._settings).rule_changes
        source = TopicPartition(topic, _PARTITION)
        async with clients.opened(
            clients.consumer(self._settings.kafka_options(), max_partition_fetch_bytes=self._settings.max_message_bytes)
        ) as consumer:
            if topic not in await consumer.topics():
                raise TopicMissingError(topic)
            consumer.assign([source])
            begin = (await consumer.beginning_offsets([source]))[source]
            end = (await consumer.end_offsets([source]))[source]
            if self._position is None or not begin <= self._position <= end:
                # The first time, or the topic was made anew.
                self._kept.clear()
                self._bytes, self._position = 0, max(begin, end - _OFFSETS * self._most)
            await self._take(consumer, source, self._position, end)

    async def _take(self, consumer: AIOKafkaConsumer, source: TopicPartition, position: int, end: int) -> None:
        consumer.seek(source, position)
        while position < end:
            for record in (await consumer.getmany(source, timeout_ms=_POLL_MS)).get(source, ()):
                if record.key is not None and record.value is not None:
                    self._keep(_Kept(record.key, record.value, tuple(record.headers), record.timestamp))
                # Whoever is out of time in between goes on behind it.
                self._position = record.offset + 1
            self._position = position = await consumer.position(source)

    def _keep(self, record: _Kept) -> None:
        try:
            record.change()
        except ValueError:
            # Somebody else's: all of ours are changes.
            return
        self._kept.append(record)
        self._bytes += record.size
        while len(self._kept) > self._most or (self._bytes > self._most_bytes and len(self._kept) > 1):
            self._bytes -= self._kept.popleft().size
