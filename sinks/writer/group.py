"""One consumer group: reads committed records, hands them to the topics' lanes, and follows rebalances."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from broker import clients
from broker.committed import committed
from broker.waiting import behind
from sinks.errors import SinkError
from sinks.writer.assignment import Assignment
from sinks.writer.lane import Lane
from sinks.writer.topic_logs import TopicLogs
from sinks.writer.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import TopicPartition

    from sinks.writer.bookmark import Bookmark
    from sinks.writer.buffer import Limits
    from sinks.writer.dead_letters import DeadLetters
    from sinks.writer.inserter import Inserter
    from sinks.writer.routes import Route

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
        group_id: str,
        routes: Sequence[Route],
        *,
        inserter: Inserter,
        dead_letters: DeadLetters,
        limits: Limits,
    ) -> None:
        """Prepare a member; `options` connect to Kafka."""
        self._options = options
        self._group_id = group_id
        self._routes = {route.topic: route for route in routes}
        self._logs = TopicLogs(options, self._routes)
        self._limits = limits
        self._inserter = inserter
        self._dead_letters = dead_letters
        self._assignment: Assignment | None = None
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._paused: set[TopicPartition] = set()
        self._gaps_at = self._watch_at = 0.0
        self._watchdog = Watchdog()
        self._consumer = clients.consumer(
            options,
            group_id=group_id,
            auto_offset_reset="none",
            session_timeout_ms=int(SESSION_SECONDS * 1000),
            heartbeat_interval_ms=int(SESSION_SECONDS * 1000 / 4),
            fetch_min_bytes=_FETCH_AT_ONCE_BYTES,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=2 << 20,
        )
        self._admin = clients.admin(options)

    @property
    def name(self) -> str:
        """The consumer group's."""
        return self._group_id

    @property
    def partitions(self) -> frozenset[TopicPartition]:
        """The partitions that this member writes now."""
        return frozenset(self._assignment.buffers) if self._assignment is not None else frozenset()

    async def run(self, stop: asyncio.Event, ready: asyncio.Event) -> None:
        """Write until `stop` is set; `ready` is set after the first assignment.

        Raises SinkError where going on would lose or double rows, and KafkaError where Kafka stays away.
        """
        await self._admin.start()
        try:
            await self._logs.open()
            await self._consumer.start()
            clients.as_member(self._consumer)
            try:
                self._consumer.subscribe(list(self._routes), listener=self)
                while not stop.is_set():
                    await self._poll()
                    if self._assignment is not None:
                        ready.set()
            finally:
                await self._end_assignment()
                await self._consumer.stop()
        finally:
            await self._admin.close()

    async def _poll(self) -> None:
        try:
            batches = await self._consumer.getmany(timeout_ms=_POLL_MS)
        except NoOffsetForPartitionError:
            # A new partition between its assignment and the seek in on_partitions_assigned.
            batches = {}
        except OffsetOutOfRangeError as error:
            await self._logs.out_of_range(self._consumer, dict(error.args[0]))
            batches = {}
        assignment = self._assignment
        if self._failed.done():
            self._failed.result()
        if assignment is None:
            return
        if assignment.failure.done() and not assignment.failure.cancelled():
            assignment.failure.result()
        for partition, records in batches.items():
            lane = assignment.lanes.get(partition.topic)
            if lane is not None and partition in lane.buffers:
                lane.add(partition, records, records[-1].offset + 1)
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
            message = f"{self._group_id}: partitions were taken away and no new assignment came; starting again"
            raise SinkError(message)
        await self._logs.notice_new()
        positions = {partition: buffer.position for partition, buffer in assignment.buffers.items()}
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                ends = await self._consumer.end_offsets(list(positions)) if positions else {}
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
                    assignment.lanes[partition.topic].add(partition, (), position)

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

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Finish what is in hand, as far as that goes quickly; the next owner finishes the rest."""
        del revoked
        try:
            await self._end_assignment()
        except Exception as error:  # noqa: BLE001 - aiokafka would log and forget it
            self._fail(error)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Start a lane per topic at its partitions' bookmarks."""
        try:
            await self._end_assignment()
            await self._begin_assignment(assigned)
        except Exception as error:  # noqa: BLE001 - aiokafka would log and forget it, and nothing would be read
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)

    async def _begin_assignment(self, assigned: set[TopicPartition]) -> None:
        assignment = Assignment(self._consumer)
        bookmarks: dict[str, dict[TopicPartition, Bookmark]] = {}
        if assigned:
            offsets = await committed(self._admin, self._group_id, assigned)
            starts = await self._consumer.beginning_offsets(list(assigned))
            for partition in assigned:
                bookmark = self._logs.bookmark(partition, offsets[partition], starts[partition])
                self._consumer.seek(partition, bookmark.offset)
                bookmarks.setdefault(partition.topic, {})[partition] = bookmark
        run = secrets.randbits(_RUN_BITS)
        lanes = {
            topic: Lane(
                self._routes[topic],
                found,
                run,
                limits=self._limits,
                inserter=self._inserter,
                commits=assignment.commits,
                dead_letters=self._dead_letters,
            )
            for topic, found in bookmarks.items()
        }
        self._paused = set()
        assignment.start(lanes)
        self._assignment = assignment
        _log.info("assigned", group=self._group_id, partitions=len(assigned))

    async def _end_assignment(self) -> None:
        assignment, self._assignment = self._assignment, None
        if assignment is not None:
            await assignment.close(_DRAIN_SECONDS)
