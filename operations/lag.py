"""How far workers and sinks are behind, and whether any run.

What should be read is asked for, topic by topic, not what was committed: with a topic that is deleted Kafka deletes
what was committed of it. Groups that nobody works in have no lag: those of generations that are kept, of copies and of
restores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition

from broker.committed import committed_before
from broker.waiting import behind
from operations.generations.offsets import derived_topics
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka.admin import AIOKafkaAdminClient

    from schemas.settings import Settings
    from schemas.wire.generations import Journal

__all__ = ["Lag", "Reading", "collect_lag", "readings"]

_TIMEOUT_SECONDS: Final = 6.0


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a consumer group is behind in a topic: offsets from the first record that waits to the end."""

    group: str
    topic: str
    lag: int


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
        waiting = await behind(settings.kafka_options(), positions, _TIMEOUT_SECONDS)
        lags.append(Lag(reading.group, reading.topic, sum(waiting.values())))
    return lags
