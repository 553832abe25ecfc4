"""One assignment of partitions: their topics' lanes, until they are taken away."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from broker.watched import Watched
from sinks.errors import FencedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aiokafka import ConsumerRecord, TopicPartition

    from sinks.writer.buffer import Buffer
    from sinks.writer.lane import Lane

__all__ = ["Assignment"]

# Blocks of one topic that are under way at once: while one is parsed the next is on its way. Each topic has its own, so
# that a table that refuses everything holds up no other.
_TURNS: Final = 2
# Kafka takes a commit in milliseconds, or is away.
_RELEASE_SECONDS: Final = 1.0


class Assignment:
    """The lanes of one assignment, by topic, which run until `close`; `fenced_at` (time.monotonic) is when one was."""

    def __init__(self, lanes: Mapping[str, Lane], failed: Callable[[Exception], None]) -> None:
        """Let the lanes run; `failed` is called with the errors that they end with, but for being fenced."""
        self.lanes: Mapping[str, Lane] = lanes
        self.fenced_at: float | None = None
        self._failed = failed
        self._tasks = [
            Watched(f"lane {topic} {turn}", lane.run, failed=self._note).start()
            for topic, lane in lanes.items()
            for turn in range(_TURNS)
        ]

    @property
    def buffers(self) -> dict[TopicPartition, Buffer]:
        """What waits, by partition."""
        return {partition: found for lane in self.lanes.values() for partition, found in lane.buffers.items()}

    def add(self, partition: TopicPartition, records: Sequence[ConsumerRecord], position: int) -> None:
        """Hand records to the lane of their topic (`Lane.add`); what is not ours any more is the next owner's."""
        lane = self.lanes.get(partition.topic)
        if lane is not None and partition in lane.buffers:
            lane.add(partition, records, position)

    def _note(self, error: Exception) -> None:
        if isinstance(error, FencedError):
            self.fenced_at = self.fenced_at or time.monotonic()
        else:
            self._failed(error)

    async def close(self, patience: float) -> None:
        """Let blocks in hand be finished for `patience` seconds, then leave them to the next owner."""
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
