"""Forwarders in the hands of an operator: which there are, what waits for them, and their dead letters.

A dead letter of a forwarder belongs to no generation, but the topic of dead letters does: so a forwarder that begins
with another generation brings its letters along.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from broker import clients
from broker.committed import committed_topics, members
from broker.partitioning import topic_partitions
from broker.reading import read_topic, written_ends
from broker.topic_ids import TopicError
from operations.generations.journal import read_journal
from operations.untold import untold
from schemas.errors import text_of
from schemas.wire.dead_letters import LETTER
from schemas.wire.forwarding import stage_of
from schemas.wire.topics import Topics
from sinks.forward.control import read_pauses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka.admin import AIOKafkaAdminClient

    from operations.lag import Lag
    from schemas.settings import Settings
    from schemas.wire.forwarding import Pause

__all__ = ["Forwarder", "begun", "carry_letters", "forwarders", "notes", "state_of"]

_log: Final = structlog.stdlib.get_logger("operations")

_RESOLUTION: Final = f"{LETTER}resolution"
_ORIGIN: Final = tuple(f"{LETTER}{name}" for name in ("topic", "partition", "offset"))
_STAGE: Final = f"{LETTER}stage"

# The first message of a forwarder that nothing is wrong with waits less.
_BEHIND_SECONDS: Final = 300
# For whoever wants to know nothing else; mostly it takes one or two.
_READING_SECONDS: Final = 30.0

_Origin = tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True)
class Forwarder:
    """A forwarder by its name: how many processes run, the messages that wait by topic, and its pause if it has one."""

    name: str
    members: int
    pause: Pause | None
    lag: tuple[Lag, ...]


async def forwarders(settings: Settings, seconds: float = _READING_SECONDS) -> list[Forwarder]:
    """Every forwarder that has begun or is paused, by name; after so many seconds offsets are counted, not messages.

    Raises aiokafka's KafkaError, OSError, TimeoutError, and TopicError where a topic has gone meanwhile.
    """
    until = asyncio.get_running_loop().time() + seconds
    topics = Topics.of(settings)
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        names = await _names(topics, admin)
        partitions = await topic_partitions(admin)
        # Before `setup` has made the topic nobody is paused.
        pauses = await read_pauses(settings) if topics.forwarders in partitions else {}
        return [
            Forwarder(
                name,
                await members(admin, topics.forward_group(name)),
                pauses.get(name),
                await untold(settings, admin, name, partitions, until),
            )
            for name in sorted({*names, *pauses})
        ]


def state_of(one: Forwarder) -> str:
    """What a forwarder does, in words."""
    if one.pause is not None:
        return f"paused: {one.pause.reason}"
    if not one.members:
        return "no process runs"
    # What the receiver answers only its processes know.
    behind = any(lag.seconds >= _BEHIND_SECONDS for lag in one.lag)
    return "runs, is behind: its log says why" if behind else "runs"


async def notes(settings: Settings, seconds: float) -> list[str]:
    """A line for each forwarder, for a page about the whole; one that says why where Kafka does not tell in time."""
    try:
        async with asyncio.timeout(seconds):
            # What messages wait is read in the first half, so that what else is asked has its time, too.
            found = await forwarders(settings, seconds / 2)
    except (KafkaError, OSError, TimeoutError, TopicError) as error:
        return [f"Of forwarders nothing is known: {text_of(error)}"]
    return [f"forwarder {one.name}: {_waiting(one)}; {state_of(one)}" for one in found]


def _waiting(one: Forwarder) -> str:
    waits = sum(lag.lag for lag in one.lag)
    return "nothing waits" if not waits else "1 waits" if waits == 1 else f"{waits} wait"


async def begun(settings: Settings) -> set[str]:
    """The names of which a forwarder has begun, the settings' among them if it has; raises as `forwarders`."""
    topics, name = Topics.of(settings), settings.forward_name
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        # Of one group a broker says for certain; that it lists all of them while it loads any is not.
        some = TopicPartition(topics.completions, 0)
        known = await committed_topics(admin, topics.forward_group(name), some)
        others = await _names(topics, admin) - {name}
    return {name, *others} if known else others


async def _names(topics: Topics, admin: AIOKafkaAdminClient) -> set[str]:
    begin = topics.forward_group("")
    groups = [str(group) for group, *_ in await admin.list_consumer_groups()]
    return {group.removeprefix(begin) for group in groups if group.startswith(begin)}


async def carry_letters(settings: Settings) -> int:
    """Have the generation of the settings know the dead letters of this forwarder that others have; how many it lacked.

    Those that were resolved in any generation are resolved in this one, too. To do it again carries nothing twice.
    Raises aiokafka's KafkaError, OSError and JournalError.
    """
    topics = Topics.of(settings)
    journal = await read_journal(settings)
    others = [one.number for one in journal.generations if one.number != topics.generation]
    if not others:
        return 0
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        partitions = await topic_partitions(admin)
    elsewhere: dict[_Origin, Any] = {}
    for number in others:
        letters = await _letters(settings, topics.of_generation(number).dead_letters, partitions)
        for origin, record in letters.items():
            if origin not in elsewhere or _is_resolved(record):
                elsewhere[origin] = record
    if not elsewhere:
        return 0
    here = await _letters(settings, topics.dead_letters, partitions)
    lacking = [
        record
        for origin, record in elsewhere.items()
        if origin not in here or (_is_resolved(record) and not _is_resolved(here[origin]))
    ]
    if lacking:
        await _write(settings, topics.dead_letters, lacking)
        _log.info("dead letters of the forwarder were brought along", generation=topics.generation, count=len(lacking))
    return len(lacking)


async def _letters(settings: Settings, topic: str, partitions: Mapping[str, int]) -> dict[_Origin, Any]:
    """The last record of each dead letter of this forwarder, by where it comes from; none of a topic that is gone."""
    stage = stage_of(settings.forward_name).encode()
    ends = await written_ends(settings, topic, range(partitions.get(topic, 0)))
    found: dict[_Origin, Any] = {}
    async for _, records in read_topic(settings, topic, {}, ends, lambda _: None):
        for record in records:
            headers = dict(record.headers)
            if headers.get(_STAGE) == stage:
                found[tuple(headers.get(name) for name in _ORIGIN)] = record
    return found


def _is_resolved(record: Any) -> bool:
    return any(name == _RESOLUTION for name, _ in record.headers)


async def _write(settings: Settings, topic: str, records: list[Any]) -> None:
    async with clients.opened(
        clients.producer(settings.kafka_options(), max_request_size=2 * settings.max_message_bytes)
    ) as producer:
        for record in records:
            # Of the rows of an origin the latest counts.
            at = max(time.time_ns() // 1_000_000, record.timestamp + 1)
            headers = list(record.headers)
            await producer.send_and_wait(topic, record.value, record.key, timestamp_ms=at, headers=headers)
