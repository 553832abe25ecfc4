"""What waits for a forwarder: the messages that it would still be given, read as it reads them.

Offsets do not say: every transaction ends in a marker that has one and is no record; behind a message that is refused
others are settled, which the metadata of the committed offset name; and some records are told to nobody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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

__all__ = ["MOST_READ", "untold"]

# Of a partition in which more offsets wait these are told, which takes no time: some hundred more or less matter to
# nobody then. It is as many as a forwarder has open of one partition.
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
    settings: Settings, admin: AIOKafkaAdminClient, name: str, partitions: Mapping[str, int]
) -> tuple[Lag, ...]:
    """What waits for the forwarder `name`, by each topic that it has read: messages, and since when the oldest does.

    Of a partition in which more than MOST_READ offsets wait these are counted. `partitions` has the topics that there
    are. Raises KafkaError, OSError or TimeoutError where the broker does not tell.
    """
    topics = Topics.of(settings)
    read = await committed_topics(admin, topics.forward_group(name), TopicPartition(topics.completions, 0))
    wanted = sorted(read & partitions.keys() & readers(topics).keys())
    if not wanted:
        return ()
    kept = await kept_seconds(admin, wanted)
    found = []
    for log in await _logs(settings, admin, name, {topic: partitions[topic] for topic in wanted}):
        behind = await _behind(settings, name, log)
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
    async with Waiting(settings.kafka_options(), _TIMEOUT_SECONDS) as waiting:
        queues = await waiting.queues({source: at.start for source, at in progress.items()})
        ends = {source: end for source, (_, end) in waiting.bounds.items()}

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
    try:
        # A partition of which nothing is committed came later than the group, and is read from its beginning.
        return Progress.read(topic_id, offset, metadata, 0)
    except NewerFormatError:
        # Of a release that knows more of what is settled: the offset says the same in all of them.
        return Progress.read(topic_id, offset, None, 0)


async def _behind(settings: Settings, name: str, log: _Log) -> tuple[PartitionLag, ...]:
    """The partitions of a topic in which anything waits."""
    read = readers(Topics.of(settings))[log.topic]
    few = {number for number, queue in log.queues.items() if 0 < queue.offsets <= MOST_READ}
    begin = {number: log.progress[number].start for number in few}
    end = {number: log.ends[number] for number in few}
    # Where nothing waits there is nothing to be read, and no connection to be made for it.
    if few:
        async for number, records in read_topic(settings, log.topic, begin, end, lambda _: None):
            progress = log.progress[number]
            for record in records:
                if progress.begin(record.offset, record.timestamp):
                    try:
                        is_told = message_of(name, read, record) is not None
                    except MessageError:
                        # It will be a dead letter; until then it waits like others.
                        is_told = True
                    if not is_told:
                        progress.end(record.offset)
    now = time.time()
    waits = {
        number: (len(log.progress[number]), log.progress[number].oldest)
        if number in few
        else (queue.offsets, queue.since)
        for number, queue in log.queues.items()
    }
    return tuple(
        PartitionLag(number, count, round(max(0.0, now - since / 1000), 1))
        for number, (count, since) in sorted(waits.items())
        if since is not None
    )
