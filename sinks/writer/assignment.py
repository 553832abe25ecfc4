"""One assignment of partitions: their topics' lanes, from what Kafka holds to the moment they are taken away."""

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

    from sinks.writer.buffer import Buffer
    from sinks.writer.lane import Lane

__all__ = ["Assignment"]

# Blocks of one topic that are under way at once: while one is parsed the next is on its way. Each topic has its own, so
# that a table that refuses everything holds up no other.
_TURNS: Final = 2
# Kafka takes a commit in milliseconds, or is away.
_RELEASE_SECONDS: Final = 1.0


class Assignment:
    """The lanes of one assignment. It begins with `start` and ends with `close`; there is no way back.

    `failure` takes the first error that a lane ends with, `fenced_at` (time.monotonic) is set once one was fenced.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.commits: Final = Commits(consumer)
        self.lanes: dict[str, Lane] = {}
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.fenced_at: float | None = None
        self._tasks: list[Watched] = []

    @property
    def buffers(self) -> dict[TopicPartition, Buffer]:
        """What waits, by partition."""
        return {partition: found for lane in self.lanes.values() for partition, found in lane.buffers.items()}

    def start(self, lanes: dict[str, Lane]) -> None:
        """Let the lanes, by topic, run."""
        self.lanes = lanes
        self._tasks = [
            Watched(f"lane {topic} {turn}", lane.run, failed=self._failed).start()
            for topic, lane in lanes.items()
            for turn in range(_TURNS)
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
        with contextlib.suppress(FencedError, TimeoutError):
            async with asyncio.timeout(_RELEASE_SECONDS):
                await asyncio.gather(*(lane.release() for lane in self.lanes.values()))
        self.lanes = {}
        if not self.failure.done():
            self.failure.cancel()
