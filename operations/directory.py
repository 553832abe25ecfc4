"""Reading and writing the compacted reference topics from the command line."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from broker import clients
from schemas.reference.lookup import Reference
from schemas.wire.topics import RECORD_OVERHEAD, Topics
from streams.views import ReferenceFollower, reference_topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from aiokafka import AIOKafkaProducer

    from schemas.reference.lookup import Kind
    from schemas.settings import Settings
    from streams.views import ReferenceView

__all__ = ["following", "load_reference", "publish_reference", "reference_producer", "topic_of"]


def topic_of(settings: Settings, kind: Kind) -> str:
    """The topic of a kind of records."""
    return next(topic for topic, of_kind in reference_topics(Topics.of(settings)).items() if of_kind == kind)


@contextlib.asynccontextmanager
async def following(settings: Settings, view: ReferenceView) -> AsyncIterator[asyncio.Future[None]]:
    """A view of all that the reference topics hold, and of what comes meanwhile; the future has what it failed with.

    Raises that, aiokafka's KafkaError as a rule, where it is not complete yet.
    """
    failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def failed(error: BaseException) -> None:
        if not failure.done():
            failure.set_exception(error)

    follower = ReferenceFollower(Topics.of(settings), settings.kafka_options(), view, on_failed=failed)
    complete = asyncio.create_task(follower.complete.wait())
    either: set[asyncio.Future[Any]] = {complete, failure}
    try:
        await follower.start()
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if failure.done():
            failure.result()
        yield failure
    finally:
        complete.cancel()
        await follower.stop()
        if failure.done():
            # Whoever was at something else when it failed has not asked.
            failure.exception()


async def load_reference(settings: Settings) -> Reference:
    """Everything that the reference topics hold; raises aiokafka's KafkaError."""
    reference = Reference()
    async with following(settings, reference):
        return reference


def reference_producer(settings: Settings) -> AIOKafkaProducer:
    """What writes records as large as the reference topics take, whatever bodies of requests may be; not started."""
    return clients.producer(settings.kafka_options(), max_request_size=settings.max_message_bytes + RECORD_OVERHEAD)


async def publish_reference(
    settings: Settings, topic: str, records: Iterable[tuple[bytes, bytes | None]], *, partition: int = 0
) -> int:
    """Write records, None being a tombstone, to a reference topic; how many, once all are acknowledged."""
    async with clients.opened(reference_producer(settings)) as producer:
        sent = [await producer.send(topic, value, key=key, partition=partition) for key, value in records]
        for acknowledged in sent:
            await acknowledged
    return len(sent)
