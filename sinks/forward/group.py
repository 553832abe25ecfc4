"""One member of a forwarder's consumer group: reads committed records, has them posted, and commits what is settled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from broker.committed import committed_by_new_client
from broker.standstill import Watchdog
from schemas.wire.topics import Topics
from sinks.errors import SinkError
from sinks.forward.assignment import Assignment
from sinks.forward.metrics import DEAD_LETTERS, LAG, REBALANCES
from sinks.forward.post import READ_SECONDS
from sinks.forward.progress import Progress
from sinks.member import Member

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.settings import Settings
    from sinks.forward.assignment import Make
    from sinks.forward.reading import Read

__all__ = ["Group"]

_log: Final = structlog.get_logger(__name__)

_POLL_RECORDS: Final = 500
_COMMIT_SECONDS: Final = 5.0
# To hear of a rebalance and to commit, beside the time that the receiver has: who is not ready then is given up, and
# its students' next messages are another's while it posts still. With REQUEST_SECONDS behind it, and the most that the
# settings allow for an answer, it is no more than broker.clients waits for the other members.
_LET_GO_SECONDS: Final = 10.0
# A process that is told to end has seconds for everything: to end what it is at, to post, and to commit. A receiver
# that hangs must not cost it the time that `up` gives a part (deploy.run.child), or it would be killed.
_STOP_SECONDS: Final = 1.0
_LEAVE_SECONDS: Final = 2.5
_LAST_COMMIT_SECONDS: Final = 2.0


class Group(Member):
    """A member of the group of the settings' forwarder, for some topics."""

    def __init__(self, settings: Settings, readers: Mapping[str, Read], make: Make) -> None:
        """Prepare a member; `readers` are by topic, and `make` what posts. Nothing is connected before `run`."""
        super().__init__(
            settings.kafka_options(),
            Topics.of(settings).forward_group(settings.forward_name),
            rebalance_timeout_ms=int((settings.forward_timeout + _LET_GO_SECONDS) * 1000),
        )
        self._settings = settings
        self._readers = readers
        self._make = make
        # Of the topics that are read, those of which the group has committed nothing before this member joined it.
        self._new: set[str] = set()
        self._assignment: Assignment | None = None
        self._committed: dict[TopicPartition, tuple[int, str]] = {}

    def has(self, partition: TopicPartition) -> bool:
        """Whether this member has the partition now."""
        return self._assignment is not None and partition in self._assignment.progress

    async def run(self, stop: asyncio.Event) -> None:
        """Forward until `stop` is set.

        Raises TopicError for a topic that does not exist, SinkError where it has to begin again, NewerFormatError where
        a newer release has begun, and KafkaError where Kafka stays away.
        """
        found = await self._learn(self._readers)
        for partition, at in found.items():
            Progress.read(self._topic_ids.get(partition.topic, ""), at.offset, at.metadata, 0)
        # By topic: what is added to a name begins as a new name does.
        self._new = set(self._readers) - {partition.topic for partition in found}
        try:
            await self._join(self._readers)
            while not stop.is_set():
                await self._poll_until(stop)
        finally:
            await self._end_assignment(_LEAVE_SECONDS, _LAST_COMMIT_SECONDS)
            await self._consumer.stop()

    async def _poll_until(self, stop: asyncio.Event) -> None:
        """Poll once; a poll that waits for Kafka, which may be away, is left soon after `stop` is set.

        What it has read and not taken on is not committed, and so the next owner's.
        """
        poll, stopped = asyncio.ensure_future(self._poll()), asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({poll, stopped}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({poll}, timeout=_STOP_SECONDS)
            if poll.done():
                await poll
        finally:
            for task in (poll, stopped):
                task.cancel()
            await asyncio.gather(poll, stopped, return_exceptions=True)

    async def _poll(self) -> None:
        batches = await self._read(max_records=_POLL_RECORDS)
        assignment = self._assignment
        if assignment is None:
            return
        for partition, records in batches.items():
            await assignment.add(partition, records)
        assigned = self._consumer.assignment()
        for partition, progress in assignment.progress.items():
            if partition in assigned:
                # Also past transactions' markers, which are no records.
                progress.passed(await self._consumer.position(partition))
        full = assignment.full() & assigned
        self._consumer.pause(*full)
        self._consumer.resume(*(assigned - full))
        await self._commit(assignment)
        if self._is_to_watch():
            positions = {partition: progress.position for partition, progress in assignment.progress.items()}
            await self._watch(positions, full, lambda ends: LAG.tell(assignment.waits(ends)))

    async def _commit(self, assignment: Assignment, seconds: float = _COMMIT_SECONDS) -> None:
        places = {tp: (progress.start, progress.metadata()) for tp, progress in assignment.progress.items()}
        changed = {tp: place for tp, place in places.items() if self._committed.get(tp) != place}
        if not changed:
            return
        try:
            # Without a coordinator aiokafka would ask for one for ever.
            async with asyncio.timeout(seconds):
                await self._consumer.commit({tp: OffsetAndMetadata(*place) for tp, place in changed.items()})
        except (CommitFailedError, IllegalStateError):
            # They are another's, who is told so, or this one's again in a moment: then what is not committed is told
            # once more, with the same ids.
            return
        except (KafkaError, TimeoutError):
            # The coordinator is away or moves: with the next poll.
            return
        self._committed |= changed

    async def _skip(self, partitions: dict[TopicPartition, int]) -> None:
        # A log that ends before is begun anew: what is written there from now on has offsets that were told.
        assignment = self._assignment
        if assignment is None:
            # aiokafka has begun at what is committed; where it is to begin is looked up still.
            return
        starts = await self._consumer.beginning_offsets(list(partitions))
        ends = await self._consumer.end_offsets(list(partitions))
        for partition, offset in partitions.items():
            known = assignment.progress.get(partition)
            if known is None or known.position != offset:
                # As above: a fetch from before the seek.
                continue
            if offset > starts[partition]:
                begin = ends[partition] if self._from_now_on(partition) else starts[partition]
                assignment.restart(partition, Progress(self._topic_ids[partition.topic], begin))
                _tell_cut(partition, offset, begin)
                message = f"{partition.topic}[{partition.partition}] was cut; starting again"
                raise SinkError(message)
            _log.error(
                "messages were deleted before they were told",
                topic=partition.topic,
                partition=partition.partition,
                first=offset,
                next=starts[partition],
            )
            self._consumer.seek(partition, starts[partition])

    async def _let_go(self) -> None:
        # Posts that are under way end: so nobody else has begun with what comes after them.
        await self._end_assignment(self._settings.forward_timeout + 2 * READ_SECONDS, _COMMIT_SECONDS)

    async def _begin_assignment(self, assigned: set[TopicPartition]) -> None:
        progress: dict[TopicPartition, Progress] = {}
        if assigned:
            offsets = await committed_by_new_client(self._options, self.name, assigned)
            starts = await self._consumer.beginning_offsets(list(assigned))
            ends = await self._consumer.end_offsets(list(assigned))
            for partition in assigned:
                begin = ends[partition] if self._from_now_on(partition) else starts[partition]
                at = offsets[partition]
                found = Progress.read(self._topic_ids[partition.topic], at.offset, at.metadata, begin)
                if found.until > ends[partition]:
                    _tell_cut(partition, found.until, begin)
                    found = Progress(self._topic_ids[partition.topic], begin)
                self._consumer.seek(partition, found.start)
                progress[partition] = found
        for partition in assigned:
            # What begins at 0 is seen to rise.
            DEAD_LETTERS.labels(partition.topic)
        REBALANCES.inc()
        # While members waited for each other nobody read, and nobody stood still.
        self._watchdog = Watchdog()
        self._committed = {}
        assignment = Assignment(self._settings.forward_name, progress, self._readers, self._make, self._failures.append)
        # From the seeks to here nobody waits: what is read meanwhile would be nobody's.
        self._assignment = assignment
        # Whatever partition comes later was added, and is read from its beginning.
        self._new = set()
        assignment.start()
        # So that a new forwarder that ends at once begins here, and not with what comes until it is started again.
        await self._commit(assignment)
        self.ready.set()
        _log.info("partitions assigned", group=self.name, partitions=len(assigned))

    def _from_now_on(self, partition: TopicPartition) -> bool:
        """Whether a partition of which nothing is committed is read from its end: who was stuck long ago is not."""
        if partition.topic == Topics.of(self._settings).stuck:
            return True
        return partition.topic in self._new and self._settings.forward_from == "now"

    async def _end_assignment(self, patience: float, seconds: float) -> None:
        assignment, self._assignment = self._assignment, None
        if assignment is not None:
            LAG.tell({})
            await assignment.close(patience)
            await self._commit(assignment, seconds)


def _tell_cut(partition: TopicPartition, until: int, begin: int) -> None:
    """Say that a log ends before what is settled of it: it is told anew, under the same ids."""
    _log.error("a log was cut", topic=partition.topic, partition=partition.partition, ended=until, next=begin)
