"""Telling at a change of generations the completions that nobody has told: the new generation was silent until then.

What has been told is in the state of the generation that was live, what follows by now in that of its successor; both
are read from their changelogs, most of it while webhooks are still processed. What is told is remembered in the
successor's state by the same transaction, so that to do all of it again, after a crash anywhere, tells nothing twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka import TopicPartition

from broker.reading import read_cells
from operations.generations.offsets import Offsets
from schemas.wire.topics import Topics
from streams.core.completions import Told, untold
from streams.messages import Message, keyed
from streams.offsets import committed
from streams.transactions import PartitionProducer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.settings import Settings
    from streams.core.completions import Untold

__all__ = ["Telling", "tell_rest"]

_log: Final = structlog.stdlib.get_logger("operations")

# All of a partition's completions are one transaction, however many they are.
_TRANSACTION_MS: Final = 300_000


class Telling:
    """What two generations say of completions, and the telling of the difference."""

    def __init__(self, settings: Settings, live: int, target: int) -> None:
        """The generation that was live and the one that takes its place; nothing is read yet."""
        topics = Topics.of(settings)
        self._settings = settings
        self._live, self._target = topics.of_generation(live), topics.of_generation(target)
        self._told: dict[tuple[str, int], Told] = {}
        self._read: dict[str, dict[int, int]] = {}

    async def read(self, offsets: Offsets) -> None:
        """Read what the changelogs hold now beyond what was read before; raises aiokafka's KafkaError."""
        # The target is never ahead: read first, it has nothing that the live one has not told.
        for topic in (self._target.changelog, self._live.changelog):
            ends = await offsets.ends_in(topic)
            async for number, cells in read_cells(self._settings, topic, self._read.get(topic, {}), ends):
                self._told.setdefault((topic, number), Told()).take(cells)
            self._read[topic] = ends

    def count(self) -> int:
        """How many completions there would be to tell, by what has been read."""
        return sum(len(rest.completions) for _, rest in self._untold())

    async def tell(self, offsets: Offsets) -> int:
        """Tell what is untold, and remember in the target what either has told; how many completions there were.

        1. The target's partitions are taken from whoever still believes to own them; its workers have ended. 2. The
        changelogs are read to their ends. 3. Each partition's completions and cells are committed together. Raises
        aiokafka's KafkaError; to do it again does the rest.
        """
        settings, target = self._settings, self._target
        options, limit = settings.kafka_options(), settings.max_message_bytes
        numbers = range(settings.partitions)
        producers = [
            PartitionProducer(target.application, number, options, max_message_bytes=limit, timeout_ms=_TRANSACTION_MS)
            for number in numbers
        ]
        async with contextlib.AsyncExitStack() as running:
            for producer in producers:
                running.push_async_callback(producer.stop)
            await asyncio.gather(*(producer.start() for producer in producers))
            await self.read(offsets)
            outgoing = await asyncio.to_thread(self._outgoing, limit)
            sources = [TopicPartition(target.raw, number) for number in numbers]
            checkpoints, begins = await committed(options, target.application, sources), await offsets.begins(target)
            for source, producer in zip(sources, producers, strict=True):
                if messages := outgoing.get(source.partition):
                    checkpoint = checkpoints[source]
                    offset = begins[source.partition] if checkpoint.offset is None else checkpoint.offset
                    await producer.commit(messages, source, offset, checkpoint.metadata)
        count = sum(len(messages[TopicPartition(target.completions, number)]) for number, messages in outgoing.items())
        _log.info("completions told", generation=target.generation, count=count)
        return count

    def _untold(self) -> Iterator[tuple[int, Untold]]:
        for number in range(self._settings.partitions):
            live, target = (
                self._told.get((topics.changelog, number)) or Told() for topics in (self._live, self._target)
            )
            if rest := untold(live, target):
                yield number, rest

    def _outgoing(self, limit: int) -> dict[int, dict[TopicPartition, list[Message]]]:
        out: dict[int, dict[TopicPartition, list[Message]]] = {}
        for number, rest in self._untold():
            told = keyed("a completion", [(key, value, []) for key, value in rest.completions], limit)
            cells = keyed("a state", [(key, value, []) for key, value in rest.cells], limit)
            out[number] = {
                TopicPartition(self._target.completions, number): told,
                TopicPartition(self._target.changelog, number): cells,
            }
        return out


async def tell_rest(settings: Settings, live: int, target: int) -> int:
    """The same from the beginning, where the process that had begun is no more."""
    async with Offsets(settings) as offsets:
        return await Telling(settings, live, target).tell(offsets)
