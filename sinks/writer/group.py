"""One consumer group: reads committed records, hands them to the topics' lanes, and follows rebalances."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from broker import clients
from broker.committed import all_committed_by_new_client, committed_by_new_client
from broker.topic_ids import topic_ids
from broker.waiting import behind
from sinks.errors import SinkError
from sinks.metrics import REBALANCES, tell_lag
from sinks.writer.assignment import Assignment
from sinks.writer.bookmark import Bookmark
from sinks.writer.commits import Commits
from sinks.writer.topic_logs import bookmark_of, refuse_new, skip_deleted
from sinks.writer.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sinks.writer.lane import Lane

__all__ = ["SESSION_SECONDS", "Group"]

# The shortest that brokers allow by default: a sink that dies keeps its partitions that long.
SESSION_SECONDS: Final = 6.0
_DRAIN_SECONDS: Final = 3.0
_POLL_MS: Final = 200
# What comes in a tenth of a second is fetched at once: the broker answers for dozens of partitions.
_FETCH_WAIT_MS: Final = 100
_FETCH_AT_ONCE_BYTES: Final = 256 << 10
# Records in hand, in bytes over all partitions; beyond its share a partition is not read until it has stored some.
_BUFFER_BYTES: Final = 96 << 20
_LEAST_SHARE: Final = 1 << 20
_WATCH_SECONDS: Final = 10.0
_ASK_SECONDS: Final = 10.0
# No two assignments draw the same number.
_RUN_BITS: Final = 48
# A rebalance ends when every member has come back or lost its assignment; several may follow each other.
_REJOIN_SECONDS: Final = 60.0

_log = structlog.get_logger(__name__)


class Group(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """The writer of some topics, as one member of their consumer group."""

    def __init__(
        self,
        options: dict[str, Any],
        name: str,
        lanes: Mapping[str, Callable[[dict[TopicPartition, Bookmark], int, Commits], Lane]],
    ) -> None:
        """Prepare a member of the group `name`; `options` connect to Kafka, `lanes` make those of each topic."""
        self.name = name
        self.ready = asyncio.Event()
        self._options = options
        self._lanes = lanes
        self._topic_ids: dict[str, str] = {}
        self._assignment: Assignment | None = None
        self._failures: list[Exception] = []
        self._paused: set[TopicPartition] = set()
        self._gaps_at = self._watch_at = 0.0
        self._watchdog = Watchdog()
        self._consumer = clients.consumer(
            options,
            group_id=name,
            auto_offset_reset="none",
            session_timeout_ms=int(SESSION_SECONDS * 1000),
            heartbeat_interval_ms=int(SESSION_SECONDS * 1000 / 4),
            fetch_min_bytes=_FETCH_AT_ONCE_BYTES,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=2 << 20,
        )

    def has(self, partition: TopicPartition) -> bool:
        """Whether this member writes the partition now."""
        return self._assignment is not None and partition in self._assignment.buffers

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop` is set.

        Raises TopicError for a topic that does not exist, SinkError where going on would lose or double rows,
        NewerFormatError, before it joins the group, where a newer release has begun, and KafkaError where Kafka stays
        away.
        """
        self._topic_ids = await topic_ids(self._options, self._lanes)
        some = TopicPartition(next(iter(self._lanes)), 0)
        for partition, found in (await all_committed_by_new_client(self._options, self.name, some)).items():
            Bookmark.read(self._topic_ids.get(partition.topic, ""), found.offset, found.metadata)
        await self._consumer.start()
        clients.as_member(self._consumer)
        try:
            self._consumer.subscribe(list(self._lanes), listener=self)
            while not stop.is_set():
                await self._poll()
        finally:
            await self._end_assignment()
            await self._consumer.stop()

    async def _poll(self) -> None:
        try:
            batches = await self._consumer.getmany(timeout_ms=_POLL_MS)
        except NoOffsetForPartitionError:
            # A new partition between its assignment and the seek in on_partitions_assigned.
            batches = {}
        except OffsetOutOfRangeError as error:
            await refuse_new(self._options, self._topic_ids)
            await skip_deleted(self._consumer, dict(error.args[0]))
            batches = {}
        if self._failures:
            raise self._failures[0]
        assignment = self._assignment
        if assignment is None:
            return
        for partition, records in batches.items():
            assignment.add(partition, records, records[-1].offset + 1)
        now = time.monotonic()
        if now >= self._gaps_at:
            self._gaps_at = now + _POLL_MS / 1000
            await self._follow_gaps(assignment)
        self._balance(assignment)
        if now >= self._watch_at:
            self._watch_at = now + _WATCH_SECONDS
            await self._watch(assignment, now)

    async def _watch(self, assignment: Assignment, now: float) -> None:
        """End the process, for its supervisor to start it again, where going on waits for nothing."""
        if assignment.fenced_at is not None and now - assignment.fenced_at > _REJOIN_SECONDS:
            message = f"{self.name}: partitions were taken away and no new assignment came; starting again"
            raise SinkError(message)
        await refuse_new(self._options, self._topic_ids)
        positions = {partition: buffer.position for partition, buffer in assignment.buffers.items()}
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                ends = await self._consumer.end_offsets(list(positions)) if positions else {}
            tell_lag(self.name, assignment.buffers, ends)
            still = self._watchdog.observe(now, positions, ends, self._paused)
            waiting = await behind(self._options, {one: positions[one] for one in still}, _ASK_SECONDS) if still else {}
        except (KafkaError, OSError, TimeoutError):
            return
        if found := [one for one in still if waiting[one]]:
            message = f"{found[0].topic}[{found[0].partition}] has records that cannot be read; starting again"
            raise SinkError(message)

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

    async def on_partitions_revoked(self, _revoked: set[TopicPartition]) -> None:
        """Finish what is in hand, as far as that goes quickly; the next owner finishes the rest."""
        await self._deal_out(None)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Start a lane per topic at its partitions' bookmarks."""
        await self._deal_out(assigned)

    async def _deal_out(self, assigned: set[TopicPartition] | None) -> None:
        try:
            await self._end_assignment()
            if assigned is not None:
                await self._begin_assignment(assigned)
        except Exception as error:  # noqa: BLE001 - aiokafka would log and forget it, and nothing would be read
            self._failures.append(error)

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

    async def _end_assignment(self) -> None:
        assignment, self._assignment = self._assignment, None
        if assignment is not None:
            tell_lag(self.name, {}, {})
            await assignment.close(_DRAIN_SECONDS)
