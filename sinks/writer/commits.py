"""Committing bookmarks: those of many partitions in one request, none after the partitions were taken away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from sinks.errors import FencedError

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from sinks.writer.bookmark import Bookmark

__all__ = ["Commits"]

_PAUSE_SECONDS: Final = 0.2


class Commits:
    """The committer of one assignment of partitions; a new assignment gets a new one."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._waiting: dict[TopicPartition, tuple[Bookmark, asyncio.Future[None]]] = {}
        self._due = asyncio.Event()

    async def record(self, partition: TopicPartition, bookmark: Bookmark) -> None:
        """Return once Kafka holds the bookmark.

        Raises FencedError where the partition is no longer ours: nothing may then be sent for it. A partition records
        one bookmark at a time.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[partition] = (bookmark, done)
        self._due.set()
        await done

    async def run(self) -> None:
        """Commit what waits until cancelled; whoever still waits then is fenced."""
        taken: dict[TopicPartition, tuple[Bookmark, asyncio.Future[None]]] = {}
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                taken, self._waiting = self._waiting, {}
                await self._commit(taken)
        finally:
            for _, done in (*taken.values(), *self._waiting.values()):
                if not done.done():
                    done.set_exception(FencedError("the partitions were taken away"))

    async def _commit(self, taken: dict[TopicPartition, tuple[Bookmark, asyncio.Future[None]]]) -> None:
        offsets = {
            partition: OffsetAndMetadata(bookmark.offset, bookmark.metadata())
            for partition, (bookmark, _) in taken.items()
        }
        while True:
            try:
                await self._consumer.commit(offsets)
            except (CommitFailedError, IllegalStateError) as error:
                for _, done in taken.values():
                    if not done.done():
                        done.set_exception(FencedError(str(error)))
                return
            except KafkaError:
                # The coordinator is away or moves; membership is judged when it answers.
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                break
        for _, done in taken.values():
            if not done.done():
                done.set_result(None)
