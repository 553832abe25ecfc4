"""One assignment of partitions: their lanes, from the bookmarks that Kafka holds to the moment they are taken away."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from broker.watched import Watched
from sinks.errors import FencedError
from sinks.writer.commits import Commits

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from sinks.writer.lane import Lane

__all__ = ["Assignment"]


class Assignment:
    """The lanes of one assignment. It begins with `start` and ends with `close`; there is no way back.

    `failure` takes the first error that a lane or the committer ends with, `fenced_at` (time.monotonic) is set once one
    was fenced.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.commits: Final = Commits(consumer)
        self.lanes: dict[TopicPartition, Lane] = {}
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.fenced_at: float | None = None
        self._tasks: list[Watched] = []
        self._committing = Watched("commits", self.commits.run, failed=self._failed)

    def start(self, lanes: dict[TopicPartition, Lane]) -> None:
        """Let the lanes run."""
        self.lanes = lanes
        self._committing.start()
        self._tasks = [
            Watched(f"lane {partition.topic}[{partition.partition}]", lane.run, failed=self._failed).start()
            for partition, lane in lanes.items()
        ]

    def _failed(self, error: Exception) -> None:
        if self.failure.done():
            return
        if isinstance(error, FencedError):
            self.fenced_at = self.fenced_at or time.monotonic()
        else:
            self.failure.set_exception(error)

    async def close(self, patience: float) -> None:
        """Let blocks in hand be finished for `patience` seconds, then leave them to the next owner; idempotent."""
        for lane in self.lanes.values():
            lane.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                for task in self._tasks:
                    await task.ended()
        for task in self._tasks:
            await task.stop()
        await self._committing.stop()
        self.lanes = {}
        if not self.failure.done():
            self.failure.cancel()
