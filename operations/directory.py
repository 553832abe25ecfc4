"""Reading and writing the compacted reference topics from the command line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from broker import clients
from schemas.reference.lookup import Reference
from schemas.wire.topics import RECORD_OVERHEAD, Topics
from streams.views import ReferenceFollower, reference_topics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.reference.lookup import Kind
    from schemas.settings import Settings

__all__ = ["load_reference", "publish_reference", "topic_of"]


def topic_of(settings: Settings, kind: Kind) -> str:
    """The topic of a kind of records."""
    return next(topic for topic, of_kind in reference_topics(Topics.of(settings)).items() if of_kind == kind)


async def load_reference(settings: Settings) -> Reference:
    """Everything that the reference topics hold now; raises aiokafka's KafkaError."""
    reference = Reference()
    failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    options = settings.kafka_options()
    follower = ReferenceFollower(Topics.of(settings), options, reference, on_failed=failure.set_exception)
    complete = asyncio.create_task(follower.complete.wait())
    either: set[asyncio.Future[Any]] = {complete, failure}
    try:
        await follower.start()
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if failure.done():
            failure.result()
    finally:
        complete.cancel()
        await follower.stop()
    return reference


async def publish_reference(
    settings: Settings, topic: str, records: Iterable[tuple[bytes, bytes | None]], *, partition: int = 0
) -> int:
    """Write records, None being a tombstone, to a reference topic; how many, once all are acknowledged."""
    # As large as the topics take, whatever bodies of requests may be.
    largest = settings.max_message_bytes + RECORD_OVERHEAD
    async with clients.opened(clients.producer(settings.kafka_options(), max_request_size=largest)) as producer:
        sent = [await producer.send(topic, value, key=key, partition=partition) for key, value in records]
        for acknowledged in sent:
            await acknowledged
    return len(sent)
