"""What waits for a forwarder: the messages that it would still be given, read as it reads them.

Offsets do not say: every transaction ends in a marker that has one and is no record; behind a message that is refused
others are settled, which the metadata of the committed offset name; and some records are told to nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition

from broker.committed import committed, committed_topics
from broker.reading import read_topic
from broker.topic_ids import topic_ids
from broker.waiting import Waiting
from operations.lag import Lag, PartitionLag, kept_seconds
from schemas.wire.formats import NewerFormatError
from schemas.wire.forwarding import MessageError
from schemas.wire.topics import Topics
from sinks.forward.progress import Progress
from sinks.forward.reading import message_of, readers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka.admin import AIOKafkaAdminClient

    from broker.waiting import Queue
    from schemas.settings import Settings
    from sinks.forward.reading import Read

__all__ = ["MOST_READ", "untold"]

# Of a topic in which more offsets wait those of its fullest partitions are told, which takes no time: some hundred more
# or less matter to nobody then. It is as many as a forwarder has open of one partition.
MOST_READ: Final = 5_000
_TIMEOUT_SECONDS: Final = 6.0


@dataclass(frozen=True, slots=True)
class _Log:
    """A topic as one forwarder has got on with it: how far each partition is settled, and where it ends."""

    topic: str
    progress: Mapping[int, Progress]
    queues: Mapping[int, Queue]
    ends: Mapping[int, int]


async def untold(
    settings: Settings, admin: AIOKafkaAdminClient, name: str, partitions: Mapping[str, int], until: float
) -> tuple[Lag, ...]:
    """What waits for the forwarder `name`, by each topic that it has read: messages, and since when the oldest does.

    Of a topic in which more than MOST_READ offsets wait, and of what is not read `until` then, by the clock of the
    event loop, offsets are counted: all but those that are known to be settled. `partitions` has the topics that there
    are. Raises KafkaError, OSError or TimeoutError where the broker does not tell, and TopicError where a topic has
    gone meanwhile.
    """
    topics = Topics.of(settings)
    read = await committed_topics(admin, topics.forward_group(name), TopicPartition(topics.completions, 0))
    wanted = sorted(read & partitions.keys() & readers(topics).keys())
    if not wanted:
        return ()
    kept = await kept_seconds(admin, wanted)
    found = []
    for log in await _logs(settings, admin, name, {topic: partitions[topic] for topic in wanted}):
        behind = await _behind(settings, name, log, until)
        longest = max((one.seconds for one in behind), default=0.0)
        waits = sum(one.lag for one in behind)
        found.append(Lag(topics.forward_group(name), log.topic, waits, longest, behind, kept.get(log.topic)))
    return tuple(found)


async def _logs(settings: Settings, admin: AIOKafkaAdminClient, name: str, partitions: Mapping[str, int]) -> list[_Log]:
    sources = [TopicPartition(topic, number) for topic, many in partitions.items() for number in range(many)]
    ids = await topic_ids(settings.kafka_options(), partitions)
    offsets = await committed(admin, Topics.of(settings).forward_group(name), sources)
    progress = {
        source: _progress(ids[source.topic], offsets[source].offset, offsets[source].metadata) for source in sources
    }
    stuck = Topics.of(settings).stuck
    async with Waiting(settings.kafka_options(), _TIMEOUT_SECONDS) as waiting:
        queues = await waiting.queues({source: at.start for source, at in progress.items()})
        bounds = waiting.bounds
        ends = {source: end for source, (_, end) in bounds.items()}
        # Of these nothing is committed that holds, or their log was cut.
        anew = [source for source, at in progress.items() if at.start < 0 or at.until > ends[source]]
        for source in anew:
            # As a forwarder does: who was stuck long ago is not told of.
            first, end = bounds[source]
            progress[source] = Progress(ids[source.topic], end if source.topic == stuck else first)
        if anew:
            queues |= await waiting.queues({source: progress[source].start for source in anew})

    def of(topic: str) -> list[TopicPartition]:
        return [source for source in sources if source.topic == topic]

    return [
        _Log(
            topic,
            {source.partition: progress[source] for source in of(topic)},
            {source.partition: queues[source] for source in of(topic)},
            {source.partition: ends[source] for source in of(topic)},
        )
        for topic in partitions
    ]


def _progress(topic_id: str, offset: int, metadata: str | None) -> Progress:
    """How far a partition is settled; one that is to begin anew is before its beginning."""
    try:
        return Progress.read(topic_id, offset, metadata, -1)
    except NewerFormatError:
        # Of a release that knows more of what is settled: the offset says the same in all of them.
        return Progress.read(topic_id, offset, None, -1)


async def _behind(settings: Settings, name: str, log: _Log, until: float) -> tuple[PartitionLag, ...]:
    """The partitions of a topic in which anything waits."""
    read = readers(Topics.of(settings))[log.topic]
    left = _few(log.queues)
    few = {number: log.ends[number] for number in left}
    begin = {number: log.progress[number].start for number in few}
    # Where nothing waits there is nothing to be read, and no connection to be made for it.
    if few:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                async for number, records in read_topic(settings, log.topic, begin, few, lambda _: None):
                    # One is read after the other, so those before it are read whole.
                    left = left[left.index(number) :]
                    _take(log.progress[number], name, read, records)
                left = []
    for number in few.keys() - set(left):
        # What ends it may be a marker, which is no record.
        log.progress[number].passed(log.ends[number])
    now = time.time()
    return tuple(
        PartitionLag(number, count, round(max(0.0, now - since / 1000), 1))
        for number, queue in sorted(log.queues.items())
        for count, since in [_waits(log.progress[number], queue, log.ends[number])]
        if count and since is not None
    )


def _few(queues: Mapping[int, Queue]) -> list[int]:
    """The partitions that are read, those with the fewest offsets first."""
    few, room = [], MOST_READ
    for number, queue in sorted(queues.items(), key=lambda one: one[1].offsets):
        room -= queue.offsets
        if room < 0:
            break
        if queue.offsets:
            few.append(number)
    return few


def _take(progress: Progress, name: str, read: Read, records: list[Any]) -> None:
    for record in records:
        if progress.begin(record.offset, record.timestamp):
            try:
                is_told = message_of(name, read, record) is not None
            except MessageError:
                # It will be a dead letter; until then it waits like others.
                is_told = True
            if not is_told:
                progress.end(record.offset)


def _waits(progress: Progress, queue: Queue, end: int) -> tuple[int, int | None]:
    """How much waits at most, and since when: of a partition that was read whole exactly that."""
    since = queue.since if progress.oldest is None else progress.oldest
    return min(queue.offsets, progress.unsettled(end)), since
