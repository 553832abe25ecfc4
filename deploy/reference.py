"""Reading and writing the compacted reference topics from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiokafka

from schemas.reference import Reference
from schemas.topics import Topics
from streams.views import ReferenceFollower

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.settings import Settings

__all__ = ["load_reference", "publish_reference"]


async def load_reference(settings: Settings) -> Reference:
    """Everything that the reference topics hold now."""
    reference = Reference()
    follower = ReferenceFollower(Topics.of(settings), settings.kafka_options(), reference)
    await follower.start()
    try:
        await follower.complete.wait()
    finally:
        await follower.stop()
    return reference


async def publish_reference(
    settings: Settings, topic: str, records: Iterable[tuple[bytes, bytes | None]], *, partition: int = 0
) -> int:
    """Write records, None being a tombstone, to a reference topic; how many, once all are acknowledged."""
    producer = aiokafka.AIOKafkaProducer(
        **settings.kafka_options(), acks="all", enable_idempotence=True, max_request_size=settings.max_body_bytes
    )
    await producer.start()
    try:
        sent = [await producer.send(topic, value, key=key, partition=partition) for key, value in records]
        for acknowledged in sent:
            await acknowledged
    finally:
        await producer.stop()
    return len(sent)
