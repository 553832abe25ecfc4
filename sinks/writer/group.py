"""One consumer group: reads committed records, hands them to the topics' lanes, and follows rebalances."""

from __future__ import annotations

import secrets
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog

from broker.committed import committed_by_new_client
from sinks.errors import SinkError
from sinks.member import POLL_MS, Member
from sinks.metrics import REBALANCES, tell_lag
from sinks.writer.assignment import Assignment
from sinks.writer.bookmark import Bookmark
from sinks.writer.commits import Commits
from sinks.writer.topic_logs import bookmark_of, skip_deleted

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from aiokafka import TopicPartition

    from sinks.writer.lane import Lane

__all__ = ["Group"]

_DRAIN_SECONDS: Final = 3.0
# What comes in a tenth of a second is fetched at once: the broker answers for dozens of partitions.
_FETCH_WAIT_MS: Final = 100
_FETCH_AT_ONCE_BYTES: Final = 256 << 10
# Records in hand, in bytes over all partitions; beyond its share a partition is not read until it has stored some.
_BUFFER_BYTES: Final = 96 << 20
_LEAST_SHARE: Final = 1 << 20
# No two assignments draw the same number.
_RUN_BITS: Final = 48
# A rebalance ends when every member has come back or lost its assignment; several may follow each other.
_REJOIN_SECONDS: Final = 60.0

_log = structlog.get_logger(__name__)


class Group(Member):
    """The writer of some topics, as one member of their consumer group."""

    def __init__(
        self,
        options: dict[str, Any],
        name: str,
        lanes: Mapping[str, Callable[[dict[TopicPartition, Bookmark], int, Commits], Lane]],
    ) -> None:
        """Prepare a member of the group `name`; `options` connect to Kafka, `lanes` make those of each topic."""
        super().__init__(
            options,
            name,
            fetch_min_bytes=_FETCH_AT_ONCE_BYTES,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=2 << 20,
        )
        self._lanes = lanes
        self._assignment: Assignment | None = None
        self._paused: set[TopicPartition] = set()
        self._gaps_at = 0.0

    def has(self, partition: TopicPartition) -> bool:
        """Whether this member writes the partition now."""
        return self._assignment is not None and partition in self._assignment.buffers

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop` is set.

        Raises TopicError for a topic that does not exist, SinkError where going on would lose or double rows,
        NewerFormatError, before it joins the group, where a newer release has begun, and KafkaError where Kafka stays
        away.
        """
        for partition, found in (await self._learn(self._lanes)).items():
            Bookmark.read(self._topic_ids.get(partition.topic, ""), found.offset, found.metadata)
        try:
            await self._join(self._lanes)
            while not stop.is_set():
                await self._poll()
        finally:
            await self._let_go()
            await self._consumer.stop()

    async def _poll(self) -> None:
        batches = await self._read()
        assignment = self._assignment
        if assignment is None:
            return
        for partition, records in batches.items():
            assignment.add(partition, records, records[-1].offset + 1)
        now = time.monotonic()
        if now >= self._gaps_at:
            self._gaps_at = now + POLL_MS / 1000
            await self._follow_gaps(assignment)
        self._balance(assignment)
        if self._is_to_watch():
            self._require_members(assignment, now)
            positions = {partition: buffer.position for partition, buffer in assignment.buffers.items()}
            await self._watch(positions, self._paused, partial(tell_lag, self.name, assignment.buffers))

    def _require_members(self, assignment: Assignment, now: float) -> None:
        if assignment.fenced_at is not None and now - assignment.fenced_at > _REJOIN_SECONDS:
            message = f"{self.name}: partitions were taken away and no new assignment came; starting again"
            raise SinkError(message)

    async def _skip(self, partitions: dict[TopicPartition, int]) -> None:
        await skip_deleted(self._consumer, partitions)

    async def _follow_gaps(self, assignment: Assignment) -> None:
        """Tell lanes how far has been read where the last records were transaction markers or aborted."""
        assigned = self._consumer.assignment()
        for partition, buffer in assignment.buffers.items():
            if partition in assigned and not len(buffer):
                position = await self._consumer.position(partition)
                if position > buffer.position:
                    assignment.add(partition, (), position)

    def _balance(self, assignment: Assignment) -> None:
        buffers = assignment.buffers
        share = max(_LEAST_SHARE, _BUFFER_BYTES // max(1, len(buffers)))
        full = {partition for partition, buffer in buffers.items() if buffer.bytes > share}
        assigned = self._consumer.assignment()
        if begin := (full - self._paused) & assigned:
            self._consumer.pause(*begin)
        if end := (self._paused - full) & assigned:
            self._consumer.resume(*end)
        self._paused = full

    async def _begin_assignment(self, assigned: set[TopicPartition]) -> None:
        bookmarks: dict[str, dict[TopicPartition, Bookmark]] = {}
        if assigned:
            offsets = await committed_by_new_client(self._options, self.name, assigned)
            starts = await self._consumer.beginning_offsets(list(assigned))
            for partition in assigned:
                topic = partition.topic
                found = bookmark_of(self._topic_ids[topic], partition, offsets[partition], starts[partition])
                self._consumer.seek(partition, found.offset)
                bookmarks.setdefault(topic, {})[partition] = found
        REBALANCES.labels(self.name).inc()
        run, commits = secrets.randbits(_RUN_BITS), Commits(self._consumer)
        lanes = {topic: self._lanes[topic](found, run, commits) for topic, found in bookmarks.items()}
        self._paused = set()
        self._assignment = Assignment(lanes, self._failures.append)
        self.ready.set()
        _log.info("partitions assigned", group=self.name, partitions=len(assigned))

    async def _let_go(self) -> None:
        assignment, self._assignment = self._assignment, None
        if assignment is not None:
            tell_lag(self.name, {}, {})
            await assignment.close(_DRAIN_SECONDS)
