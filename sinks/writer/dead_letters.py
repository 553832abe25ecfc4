"""Sending what cannot be stored to the dead letters, confirmed by Kafka before anything goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer, TopicPartition

__all__ = ["DeadLetters", "Letter"]

_PREFIX: Final = "dead-letter-"
_STAGE: Final = "sink"


@dataclass(frozen=True, slots=True)
class Letter:
    """A record (or one line of a packed one, from 0; -1 is the whole) with its timestamp in milliseconds, and why."""

    partition: TopicPartition
    offset: int
    timestamp: int
    reason: str
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    line: int = -1


class DeadLetters:
    """The producer of one dead-letter topic. A letter that is sent twice is one row: its origin is its identity."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        """Use a started producer with `acks=all`, which stays the caller's to stop."""
        self._producer = producer
        self._topic = topic

    async def send(self, letter: Letter) -> None:
        """Return once Kafka has the letter; raises aiokafka's KafkaError otherwise."""
        own: dict[str, str | int] = {
            "topic": letter.partition.topic,
            "partition": letter.partition.partition,
            "offset": letter.offset,
            "timestamp": letter.timestamp,
            "stage": _STAGE,
            "reason": letter.reason,
        }
        if letter.line >= 0:
            own["line"] = letter.line
        kept = [(name, data) for name, data in letter.headers if not name.startswith(_PREFIX)]
        added = [(f"{_PREFIX}{name}", str(text).encode()) for name, text in own.items()]
        await self._producer.send_and_wait(self._topic, value=letter.value, key=letter.key, headers=[*kept, *added])
