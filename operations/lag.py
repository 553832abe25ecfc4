"""How far workers and sinks are behind, and whether any run.

What should be read is asked for, topic by topic, not what was committed: with a topic that is deleted Kafka deletes
what was committed of it. Groups that nobody works in have no lag: those of generations that are kept, of copies and of
restores.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition

from broker.committed import committed_before
from broker.waiting import queues
from operations.generations.offsets import derived_topics
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka.admin import AIOKafkaAdminClient

    from broker.waiting import Queue
    from schemas.settings import Settings
    from schemas.wire.generations import Journal

__all__ = ["Lag", "PartitionLag", "Reading", "collect_lag", "readings"]

_TIMEOUT_SECONDS: Final = 6.0


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """How far a consumer group is behind in a partition, and how long the first record there has waited."""

    partition: int
    lag: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a consumer group is behind in a topic: offsets from the first record that waits to the end.

    `seconds` is how long the oldest of these records has waited since it was written, `partitions` are those in which
    any waits.
    """

    group: str
    topic: str
    lag: int
    seconds: float = 0.0
    partitions: tuple[PartitionLag, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A topic that a group's members are to read; `part` is `worker` or `sink`."""

    part: str
    group: str
    topic: str


def readings(settings: Settings, journal: Journal) -> list[Reading]:
    """What is to be read for the generation of the settings, and for one that is computed beside the live one."""
    topics = Topics.of(settings)
    wanted = [*_of_generation(topics), Reading("sink", topics.raw_sinks, topics.raw)]
    if journal.target is not None and journal.target != topics.generation and journal.computes(journal.target):
        wanted += _of_generation(topics.of_generation(journal.target))
    return wanted


def _of_generation(topics: Topics) -> list[Reading]:
    derived = [Reading("sink", topics.sinks, topic) for topic in derived_topics(topics)]
    return [Reading("worker", topics.application, topics.raw), *derived]


async def collect_lag(
    settings: Settings, admin: AIOKafkaAdminClient, wanted: list[Reading], partitions: Mapping[str, int]
) -> list[Lag]:
    """How far each is behind; topics that are not in `partitions`, which has their numbers, are left out.

    Raises KafkaError, OSError or TimeoutError where the broker does not tell.
    """
    lags: list[Lag] = []
    for reading in wanted:
        if reading.topic not in partitions:
            continue
        sources = [TopicPartition(reading.topic, number) for number in range(partitions[reading.topic])]
        positions = await committed_before(admin, reading.group, sources)
        waiting = await queues(settings.kafka_options(), positions, _TIMEOUT_SECONDS)
        lags.append(_lag(reading, waiting, time.time()))
    return lags


def _lag(reading: Reading, waiting: Mapping[TopicPartition, Queue], now: float) -> Lag:
    behind = tuple(
        PartitionLag(source.partition, queue.offsets, round(max(0.0, now - queue.since / 1000), 1))
        for source, queue in sorted(waiting.items())
        if queue.since is not None
    )
    longest = max((one.seconds for one in behind), default=0.0)
    return Lag(reading.group, reading.topic, sum(one.lag for one in behind), longest, behind)
