"""Whether the settings name the raw topic that their generation was computed from.

With another one workers would compute that generation anew from its beginning, into tables that readers see, and new
webhooks would go where nobody looks for them.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiokafka.errors import KafkaError

from broker import clients
from broker.partitioning import topic_partitions
from operations.generations.journal import at_live, read_journal
from operations.topic_fit import made_partitions
from schemas.errors import OperatorError
from schemas.wire.generations import JournalError
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.settings import Settings
    from schemas.wire.generations import Journal

__all__ = [
    "RawTopicError",
    "WrongRawTopic",
    "check_raw_topic",
    "log_of_generation",
    "raw_topic_of",
    "require_raw_topic",
    "require_whole_copy",
    "wrong_raw_topic",
]

_PATIENCE_SECONDS: Final = 3.0


class RawTopicError(OperatorError):
    """The settings name another raw topic than that of their generation; the text says which one to set."""


@dataclass(frozen=True, slots=True)
class WrongRawTopic:
    """What is wrong with the raw topic of the settings, and what to set."""

    detail: str
    mend: str

    def __str__(self) -> str:
        """One line of both."""
        return f"{self.detail}; {self.mend[0].lower()}{self.mend[1:]}."


def raw_topic_of(settings: Settings, journal: Journal) -> str:
    """The raw topic, without the prefix, that the generation of the settings, or the live one, is of; else theirs."""
    return journal.generation(at_live(settings, journal).generation).raw or settings.raw_topic


def wrong_raw_topic(settings: Settings, journal: Journal) -> WrongRawTopic | None:
    """What is wrong with the raw topic of the settings; None where it is right or nobody knows."""
    right, number = raw_topic_of(settings, journal), at_live(settings, journal).generation
    if right == settings.raw_topic:
        return None
    prefix, name = settings.topic_prefix, settings.raw_topic
    return WrongRawTopic(
        f"generation {number} is computed from {prefix}{right}, and TELEMETRY_RAW_TOPIC says {name}",
        f"To go on as before set TELEMETRY_RAW_TOPIC={right} (with `up` leave it and TELEMETRY_PARTITIONS unset, as in "
        f"a fresh terminal); to go on with {prefix}{name} set TELEMETRY_GENERATION={journal.number_for(name)}, too",
    )


def require_raw_topic(settings: Settings, journal: Journal) -> None:
    """Raise RawTopicError if the settings name another raw topic than that of their generation."""
    if wrong := wrong_raw_topic(settings, journal):
        raise RawTopicError(str(wrong))


def _partitions_of_copy(settings: Settings, journal: Journal, partitions: Mapping[str, int]) -> int | None:
    """How many partitions a copy has that a generation is to be computed from, and nothing is yet; else None.

    What the live generation tells of partitions is told of another topic.
    """
    own = at_live(settings, journal)
    others = journal.generation(journal.live).raw
    if own.generation == journal.live or others in {None, own.raw_topic} or made_partitions(own, partitions):
        return None
    return partitions.get(Topics.of(own).raw)


def require_whole_copy(settings: Settings, journal: Journal, partitions: Mapping[str, int]) -> None:
    """Raise RawTopicError if the settings give other partitions than a copy has that nothing is computed from yet.

    `partitions` has the numbers of those that there are, by topic.
    """
    there = _partitions_of_copy(settings, journal, partitions)
    if there not in {None, settings.partitions}:
        says = f"{there} partitions, and TELEMETRY_PARTITIONS says {settings.partitions}"
        message = f"{Topics.of(settings).raw} has {says}; set TELEMETRY_PARTITIONS={there}."
        raise RawTopicError(message)


async def log_of_generation(settings: Settings, journal: Journal) -> dict[str, Any]:
    """What the settings should say of the log of their generation, or of the live one, and do not.

    `raw_topic` and `partitions`, each where it is another one; no partitions where nothing is derived yet and the log
    is not a copy. Raises aiokafka's KafkaError.
    """
    right: dict[str, Any] = {"raw_topic": raw_topic_of(settings, journal)}
    there = await _all_partitions(settings)
    own = at_live(settings, journal).model_copy(update=right)
    made = made_partitions(own, there) or _partitions_of_copy(own, journal, there)
    right["partitions"] = made or settings.partitions
    return {name: value for name, value in right.items() if value != getattr(settings, name)}


async def _all_partitions(settings: Settings) -> dict[str, int]:
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        return await topic_partitions(admin)


async def check_raw_topic(settings: Settings, patience: float = _PATIENCE_SECONDS) -> bool:
    """Raise RawTopicError as the two above do; waits so many seconds for each answer of Kafka, and passes without.

    Returns whether Kafka has told.
    """
    with contextlib.suppress(KafkaError, OSError, TimeoutError, JournalError):
        async with asyncio.timeout(patience):
            journal = await read_journal(settings)
        require_raw_topic(settings, journal)
        async with asyncio.timeout(patience):
            require_whole_copy(settings, journal, await _all_partitions(settings))
        return True
    return False
