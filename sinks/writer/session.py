"""One assignment of partitions: their lanes, from the bookmarks that Kafka holds to the moment they are taken away."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from sinks.errors import FencedError
from sinks.writer.commits import Commits

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from sinks.writer.lane import Lane

__all__ = ["Session"]


class Session:
    """The lanes of one assignment. It begins with `start` and ends with `close`; there is no way back.

    `failure` takes the first error that a lane ends with, `fenced_at` (time.monotonic) is set once one was fenced.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.commits: Final = Commits(consumer)
        self.lanes: dict[TopicPartition, Lane] = {}
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.fenced_at: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._committing: asyncio.Task[None] | None = None

    def start(self, lanes: dict[TopicPartition, Lane]) -> None:
        """Let the lanes run."""
        self.lanes = lanes
        self._committing = asyncio.create_task(self.commits.run(), name="commits")
        for partition, lane in lanes.items():
            task = asyncio.create_task(lane.run(), name=f"lane {partition.topic}[{partition.partition}]")
            task.add_done_callback(self._ended)
            self._tasks.add(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self.failure.done():
            return
        error = task.exception()
        if isinstance(error, FencedError):
            self.fenced_at = self.fenced_at or time.monotonic()
        elif error is not None:
            self.failure.set_exception(error)

    async def close(self, patience: float) -> None:
        """Let blocks in hand be finished for `patience` seconds, then leave them to the next owner; idempotent."""
        for lane in self.lanes.values():
            lane.drain()
        if self._tasks:
            _, pending = await asyncio.wait(self._tasks, timeout=patience)
            for task in pending:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._committing is not None:
            self._committing.cancel()
            await asyncio.gather(self._committing, return_exceptions=True)
        self.lanes = {}
        if not self.failure.done():
            self.failure.cancel()
