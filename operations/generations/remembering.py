"""The journal learns from `setup` which raw topic a generation is computed from.

Parts and commands that name another one are refused from then on (see .raw_topic).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition

from broker.committed import committed_topics
from operations.generations.journal import JournalWriter, at_live, follow_journal, read_journal
from operations.generations.lease import lease_is_held
from operations.generations.offsets import derived_topics
from operations.generations.raw_topic import require_raw_topic, require_whole_copy
from schemas.wire.generations import JournalError, NewerJournalError
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka.admin import AIOKafkaAdminClient

    from schemas.settings import Settings
    from schemas.wire.generations import Journal

__all__ = ["remember_raw_topic", "require_worked_topic"]

_SEEN_SECONDS: Final = 10.0


async def require_worked_topic(settings: Settings, admin: AIOKafkaAdminClient, partitions: Mapping[str, int]) -> None:
    """Raise RawTopicError where the generation of the settings, or the live one, is computed from another raw topic.

    Where the journal does not know, as in an installation of before, it is what the generation's workers have
    committed; the journal remembers it. Raises it as well where a copy has other partitions than the settings say;
    `partitions` has those that there are, by topic. Raises aiokafka's KafkaError, and NewerJournalError.
    """
    journal = await _journal(settings)
    if journal is None:
        return
    for number in {journal.live, at_live(settings, journal).generation}:
        if journal.generation(number).raw is None and (worked := await _worked_topic(settings, admin, number)):
            await _write(settings, number, worked)
            journal = journal.remembering(number, worked)
    require_raw_topic(settings, journal)
    require_whole_copy(settings, journal, partitions)


async def remember_raw_topic(settings: Settings) -> list[str]:
    """Let the journal remember the raw topic of the settings for their generation, if it knows none; a line if so.

    Raises aiokafka's KafkaError.
    """
    journal = await _journal(settings)
    if journal is None or journal.generation(number := at_live(settings, journal).generation).raw is not None:
        return []
    if not await _write(settings, number, settings.raw_topic):
        return []
    return [f"generation {number} is computed from {Topics.of(settings).raw}"]


async def _journal(settings: Settings) -> Journal | None:
    """The journal; None where none can be read, which others complain of. Raises NewerJournalError."""
    try:
        return await read_journal(settings)
    except NewerJournalError:
        raise
    except JournalError:
        return None


async def _worked_topic(settings: Settings, admin: AIOKafkaAdminClient, number: int) -> str | None:
    """The raw topic, without the prefix, that a generation's workers have committed; None if none or several."""
    topics = Topics.of(settings).of_generation(number)
    of_others = {topics.changelog, *derived_topics(topics)}
    worked = await committed_topics(admin, topics.application, TopicPartition(topics.raw, 0)) - of_others
    return worked.pop().removeprefix(topics.prefix) if len(worked) == 1 else None


async def _write(settings: Settings, number: int, raw: str) -> bool:
    """Whether it is in the journal now; while a change of generations is under way the next `setup` does it."""
    if await lease_is_held(settings):
        return False
    with contextlib.suppress(JournalError):
        # What is read now is nobody else's to replace: who has written before is fenced.
        async with JournalWriter(settings) as writer:
            if writer.journal.generation(number).raw is not None:
                # Somebody else was first, and what is made by then may be of what that says.
                return False
            await writer.write(writer.journal.remembering(number, raw))
            # What is committed is readable a moment later; whoever asks after `setup` is told.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SEEN_SECONDS):
                    await follow_journal(settings, lambda seen: seen.generation(number).raw == raw)
            return True
    return False
