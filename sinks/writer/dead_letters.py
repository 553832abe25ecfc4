"""Sending what cannot be stored to the dead letters, confirmed by Kafka before anything goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import AIOKafkaProducer, TopicPartition

__all__ = ["DeadLetters"]

_PREFIX: Final = "dead-letter-"


class DeadLetters:
    """The producer of one dead-letter topic. A letter that is sent twice is one row: its origin is its identity."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        """Use a started producer with `acks=all`, which stays the caller's to stop."""
        self._producer = producer
        self._topic = topic

    async def send(
        self,
        origin: TopicPartition,
        offset: int,
        reason: str,
        *,
        timestamp: int,
        key: bytes | None = None,
        value: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        line: int = -1,
    ) -> None:
        """Return once Kafka has the letter; raises aiokafka's KafkaError otherwise. `timestamp` is the record's (ms)."""
        own: dict[str, str | int] = {
            "topic": origin.topic,
            "partition": origin.partition,
            "offset": offset,
            "timestamp": timestamp,
            "stage": "sink",
            "reason": reason,
        }
        if line >= 0:
            own["line"] = line
        kept = [(name, data) for name, data in headers if not name.startswith(_PREFIX)]
        added = [(f"{_PREFIX}{name}", str(text).encode()) for name, text in own.items()]
        await self._producer.send_and_wait(
            self._topic,
            value=value,
            key=key,
            headers=[*kept, *added],
            timestamp_ms=int(time.time() * 1000),
        )
