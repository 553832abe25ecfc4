"""Writes bad reference records to the dead letters, each of them once.

Every worker meets them, at every start. Only the owner of partition 0 writes them, in a transaction of its own that
also commits, under the group `<application>.references`, the offset after each one: whoever owns partition 0 next
begins there.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from streams.dead_letters import DeadLetter, letter
from streams.offsets import committed
from streams.views import BadReference, reference_topics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.wire.topics import Topics
    from streams.transactions import PartitionProducer

__all__ = ["WRITER", "BadReferences"]

WRITER = 0


class BadReferences:
    """Bad records met by this process's follower, in order of arrival, until they are known to be written."""

    def __init__(
        self,
        topics: Topics,
        options: Mapping[str, Any],
        *,
        max_message_bytes: int,
        redact: frozenset[str] = frozenset(),
    ) -> None:
        self._topics = topics
        self._options = options
        self._limit = max_message_bytes
        self._redact = redact
        self._group = f"{topics.application}.references"
        self._met: dict[str, list[BadReference]] = defaultdict(list)

    def add(self, bad: BadReference) -> None:
        """Remember a bad record."""
        self._met[bad.record.topic].append(bad)

    async def write(self, producer: PartitionProducer) -> int:
        """Write those that nobody has written yet; returns how many. The caller owns partition 0."""
        met = {topic: list(bad) for topic, bad in self._met.items() if bad}
        if not met:
            return 0
        partitions = [TopicPartition(topic, 0) for topic in reference_topics(self._topics)]
        done, written = await committed(self._options, self._group, partitions), 0
        for topic, bad in met.items():
            source = TopicPartition(topic, 0)
            fresh = [reference for reference in bad if reference.record.offset >= (done[source].offset or 0)]
            if fresh:
                dead = [DeadLetter(reference.record, "reference", reference.reason) for reference in fresh]
                letters = [letter(dead_letter, self._limit, self._redact) for dead_letter in dead]
                target = TopicPartition(self._topics.dead_letters, WRITER)
                await producer.commit({target: letters}, source, fresh[-1].record.offset + 1, "", group=self._group)
                written += len(fresh)
            del self._met[topic][: len(bad)]
        return written
