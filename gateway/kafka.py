"""The producer of the raw topic: acknowledged by all replicas, idempotent, batched."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from gateway.errors import UnavailableError
from schemas.topics import Topics

if TYPE_CHECKING:
    from gateway.publishing import RawRecord
    from schemas.settings import Settings

__all__ = ["RawProducer"]

# Long enough to gather what arrives in one turn of the loop or two, short beside a broker's fsync-free round trip.
_LINGER_MS: Final = 2
_MAX_BATCH_BYTES: Final = 1 << 20
_RECORD_OVERHEAD: Final = 64 << 10
_REQUEST_TIMEOUT_MS: Final = 10_000


@lru_cache(maxsize=1 << 16)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


class RawProducer:
    """An aiokafka producer for one topic, started by `start`; the partition is the Java client's for the same key."""

    def __init__(self, settings: Settings) -> None:
        self._topic = Topics.of(settings).raw
        self._producer = AIOKafkaProducer(
            **settings.kafka_options(),
            acks="all",
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
            max_batch_size=_MAX_BATCH_BYTES,
            max_request_size=2 * settings.max_body_bytes + _RECORD_OVERHEAD,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
        )
        self._partitions = 0

    @property
    def connected(self) -> bool:
        """Whether it was started."""
        return self._partitions > 0

    async def start(self) -> None:
        """Connect and learn the topic's partitions; raises KafkaError."""
        await self._producer.start()
        self._partitions = len(await self._producer.partitions_for(self._topic))

    async def stop(self) -> None:
        """Send what is buffered and disconnect."""
        await self._producer.stop()

    async def publish(self, record: RawRecord) -> None:
        """Return when all replicas have the record; raises UnavailableError."""
        key, value, headers, timestamp = record
        partition = _hash(key) % self._partitions
        try:
            sent = await self._producer.send(
                self._topic, value, key, partition=partition, timestamp_ms=timestamp, headers=headers
            )
            await sent
        except KafkaError as error:
            raise UnavailableError(str(error)) from error
