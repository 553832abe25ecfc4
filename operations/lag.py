"""How far workers and sinks are behind, and whether any run.

What should be read is asked for, topic by topic, not what was committed: with a topic that is deleted Kafka deletes
what was committed of it. Groups that nobody works in have no lag: those of generations that are kept, of copies and of
restores.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

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

__all__ = ["Lag", "PartitionLag", "Reading", "collect_lag", "kept_seconds", "live_readings", "readings"]

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

    Of a forwarder it is the messages that wait (operations.untold).

    `seconds` is how long the oldest of these records has waited since it was written, `partitions` are those in which
    any waits. `kept_seconds` is after which time the topic deletes a record, read or not; None where it never does.
    """

    group: str
    topic: str
    lag: int
    seconds: float = 0.0
    partitions: tuple[PartitionLag, ...] = ()
    kept_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A topic that a group's members are to read; `part` is `worker` or `sink`."""

    part: str
    group: str
    topic: str

    def sources(self, partitions: int) -> list[TopicPartition]:
        """The partitions of the topic, which has so many."""
        return [TopicPartition(self.topic, number) for number in range(partitions)]


def readings(settings: Settings, journal: Journal) -> list[Reading]:
    """What is to be read for the generation of the settings, and for one that is computed beside the live one."""
    topics = Topics.of(settings)
    wanted = live_readings(settings)
    if journal.target is not None and journal.target != topics.generation and journal.computes(journal.target):
        wanted += _of_generation(topics.of_generation(journal.target))
    return wanted


def live_readings(settings: Settings) -> list[Reading]:
    """What is to be read for the generation of the settings alone."""
    topics = Topics.of(settings)
    return [*_of_generation(topics), Reading("sink", topics.raw_sinks, topics.raw)]


def _of_generation(topics: Topics) -> list[Reading]:
    derived = [Reading("sink", topics.sinks, topic) for topic in derived_topics(topics)]
    return [Reading("worker", topics.application, topics.raw), *derived]


async def collect_lag(
    settings: Settings, admin: AIOKafkaAdminClient, wanted: list[Reading], partitions: Mapping[str, int]
) -> list[Lag]:
    """How far each is behind; topics that are not in `partitions`, which has their numbers, are left out.

    Raises KafkaError, OSError or TimeoutError where the broker does not tell.
    """
    there = [reading for reading in wanted if reading.topic in partitions]
    kept, *positions = await asyncio.gather(
        kept_seconds(admin, sorted({reading.topic for reading in there})),
        *(_positions(admin, reading, partitions[reading.topic]) for reading in there),
    )
    rounds = _rounds(there)
    waiting = await asyncio.gather(
        *(
            _waiting(settings, [at for at, number in zip(positions, rounds, strict=True) if number == nth])
            for nth in range(max(rounds, default=-1) + 1)
        )
    )
    now = time.time()
    return [
        _lag(reading, {source: waiting[number][source] for source in at}, now, kept.get(reading.topic))
        for reading, at, number in zip(there, positions, rounds, strict=True)
    ]


async def _positions(admin: AIOKafkaAdminClient, reading: Reading, partitions: int) -> dict[TopicPartition, int]:
    return await committed_before(admin, reading.group, reading.sources(partitions))


def _rounds(wanted: list[Reading]) -> list[int]:
    """In which round of questions each is asked for: whoever looks stands in one place of a topic at a time."""
    met: Counter[str] = Counter()
    rounds = []
    for reading in wanted:
        rounds.append(met[reading.topic])
        met[reading.topic] += 1
    return rounds


async def _waiting(settings: Settings, positions: list[dict[TopicPartition, int]]) -> dict[TopicPartition, Queue]:
    together = {source: at for one in positions for source, at in one.items()}
    return await queues(settings.kafka_options(), together, _TIMEOUT_SECONDS)


async def kept_seconds(admin: AIOKafkaAdminClient, topics: list[str]) -> dict[str, float]:
    """After how many seconds topics delete what was written; those that never do are left out.

    Raises KafkaError or OSError where the broker does not tell.
    """
    names = ["cleanup.policy", "retention.ms"]
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic, dict.fromkeys(names)) for topic in topics]
    kept = {}
    for answer in await admin.describe_configs(asked) if asked else ():
        for resource in answer.resources:
            told = {entry[0]: entry[1] for entry in resource[4]}
            milliseconds = int(told.get("retention.ms") or -1)
            if "delete" in (told.get("cleanup.policy") or "") and milliseconds >= 0:
                kept[resource[3]] = milliseconds / 1000
    return kept


def _lag(reading: Reading, waiting: Mapping[TopicPartition, Queue], now: float, kept: float | None) -> Lag:
    behind = tuple(
        PartitionLag(source.partition, queue.offsets, round(max(0.0, now - queue.since / 1000), 1))
        for source, queue in sorted(waiting.items())
        if queue.since is not None
    )
    longest = max((one.seconds for one in behind), default=0.0)
    return Lag(reading.group, reading.topic, sum(one.lag for one in behind), longest, behind, kept)
