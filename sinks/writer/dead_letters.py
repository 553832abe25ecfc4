"""Sending what cannot be stored to the dead letters, confirmed by Kafka before anything goes on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer, TopicPartition

__all__ = ["DeadLetters", "Letter"]

_PREFIX: Final = "dead-letter-"
_STAGE: Final = "sink"
_OVERHEAD: Final = 32 << 10


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

    def __init__(self, producer: AIOKafkaProducer, topic: str, most_bytes: int) -> None:
        """Use a started producer with `acks=all`, which stays the caller's to stop; larger letters are cut."""
        self._producer = producer
        self._topic = topic
        self._most_bytes = most_bytes

    async def send(self, letter: Letter) -> None:
        """Return once Kafka has the letter; raises aiokafka's KafkaError otherwise.

        Of a value that does not fit only the beginning is sent, with its whole size and SHA-256 in the headers.
        """
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
        value = letter.value
        kept = [(name, data) for name, data in letter.headers if not name.startswith(_PREFIX)]
        framing = len(letter.key or b"") + sum(len(name) + len(data or b"") for name, data in kept) + _OVERHEAD
        if value is not None and len(value) + framing > self._most_bytes:
            own |= {"size": len(value), "sha256": hashlib.sha256(value).hexdigest()}
            value = value[: max(0, self._most_bytes - framing)]
        added = [(f"{_PREFIX}{name}", str(text).encode()) for name, text in own.items()]
        await self._producer.send_and_wait(self._topic, value=value, key=letter.key, headers=[*kept, *added])
