"""Sending what cannot be stored to the dead letters, confirmed by Kafka before anything goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError
from tenacity import retry, retry_if_exception_type

from broker.watched import BACKOFF
from schemas.wire.dead_letters import encode_letter

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer, TopicPartition

__all__ = ["DeadLetters", "Letter"]

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

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        most_bytes: int,
        redact: frozenset[str] = frozenset(),
        stage: str = _STAGE,
    ) -> None:
        """Use a started producer with `acks=all`, which stays the caller's to stop.

        Larger letters are cut, and none keeps the keys that `redact` names. `stage` is where they failed.
        """
        self._producer = producer
        self._topic = topic
        self._most_bytes = most_bytes
        self._redact = redact
        self._stage = stage

    @retry(retry=retry_if_exception_type(KafkaError), wait=BACKOFF)
    async def send(self, letter: Letter) -> None:
        """Return once Kafka has the letter, however long it is away.

        Of a value that does not fit only the beginning is sent, with its whole size and SHA-256 in the headers; of one
        that loses keys its whole size is there, too.
        """
        fields: dict[str, str | int] = {
            "topic": letter.partition.topic,
            "partition": letter.partition.partition,
            "offset": letter.offset,
            "timestamp": letter.timestamp,
            "stage": self._stage,
            "reason": letter.reason,
        }
        if letter.line >= 0:
            fields["line"] = letter.line
        # A line of a packed record is one of ours, which holds no text of a client's.
        redact = self._redact if letter.line < 0 else frozenset[str]()
        value, headers = encode_letter(
            letter.key, letter.value, letter.headers, fields, limit=self._most_bytes, redact=redact
        )
        await self._producer.send_and_wait(self._topic, value=value, key=letter.key, headers=headers)
