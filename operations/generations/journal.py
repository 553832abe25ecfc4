"""The journal of generations in Kafka: read, followed, and written by one process at a time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Self

import aiokafka
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced

from broker import clients
from broker.authorized import may_transact
from schemas.coercion import digits_as_id
from schemas.wire.generations import JOURNAL_KEY, Journal, JournalError
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from schemas.settings import Settings

__all__ = [
    "JournalWriter",
    "at_live",
    "follow_journal",
    "live_settings",
    "may_write_journal",
    "named_beside_live",
    "read_journal",
    "require_following",
    "topic_records",
]

_log: Final = structlog.stdlib.get_logger("operations")

_PARTITION: Final = 0
_POLL_MS: Final = 500
_PAUSE_SECONDS: Final = 0.5

_Record = tuple[bytes | None, bytes | None]


@contextlib.asynccontextmanager
async def _reader(settings: Settings) -> AsyncIterator[tuple[aiokafka.AIOKafkaConsumer, TopicPartition]]:
    async with clients.opened(clients.consumer(settings.kafka_options())) as consumer:
        source = TopicPartition(Topics.of(settings).generations, _PARTITION)
        consumer.assign([source])
        yield consumer, source


async def _exists(settings: Settings) -> bool:
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        return Topics.of(settings).generations in await admin.list_topics()


async def _next(consumer: aiokafka.AIOKafkaConsumer, source: TopicPartition) -> list[_Record]:
    """What the topic holds from here on; waits a moment for it."""
    records = (await consumer.getmany(source, timeout_ms=_POLL_MS)).get(source, ())
    return [(record.key, record.value) for record in records]


async def _all(consumer: aiokafka.AIOKafkaConsumer, source: TopicPartition) -> list[_Record]:
    """What it holds up to the end as it is now."""
    records = list[_Record]()
    await consumer.seek_to_beginning(source)
    end = (await consumer.end_offsets([source]))[source]
    while await consumer.position(source) < end:
        records += await _next(consumer, source)
    return records


def _journals(records: list[_Record]) -> list[bytes | None]:
    return [value for key, value in records if key == JOURNAL_KEY]


async def topic_records(settings: Settings) -> list[_Record]:
    """Key and value of all that the journal's topic holds, in order; nothing before the first `setup`."""
    if not await _exists(settings):
        return []
    async with _reader(settings) as (consumer, source):
        return await _all(consumer, source)


def _passed_over(reason: str) -> None:
    _log.warning("a journal was passed over, the last good one stays", reason=reason)


async def read_journal(settings: Settings) -> Journal:
    """The journal as it stands now; before the first one generation 1 is live.

    One that cannot be read is passed over; where there is no other, the only generation that has topics is live. Raises
    KafkaError, and JournalError where there are several.
    """
    # Asked for, for a consumer would create a topic that is not there.
    if not await _exists(settings):
        return Journal()
    reasons = list[str]()
    async with _reader(settings) as (consumer, source):
        journal = Journal.latest(_journals(await _all(consumer, source)), None, reasons.append)
    for reason in reasons:
        _passed_over(reason)
    return await _without(settings, reasons[-1]) if journal is None and reasons else journal or Journal()


async def _without(settings: Settings, reason: str) -> Journal:
    """The journal where no record of it can be read: there is no doubt as long as only one generation has topics."""
    first = Topics.of(settings).of_generation(1).facts
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        there = set(await admin.list_topics())
    later = (digits_as_id(name.removeprefix(f"{first}.g")) for name in there if name.startswith(f"{first}.g"))
    with_topics = {number for number in later if number}
    if first in there:
        with_topics.add(1)
    numbers = sorted(with_topics)
    if len(numbers) > 1:
        message = (
            f"{reason} Of the generations {', '.join(map(str, numbers))} the one is live that the view live_generation "
            f"of the database {settings.database} names: set TELEMETRY_GENERATION to it everywhere."
        )
        raise JournalError(message)
    return Journal.of_only(numbers[0]) if numbers else Journal()


async def follow_journal(settings: Settings, until: Callable[[Journal], bool]) -> Journal:
    """The first good journal from now on of which `until` is true; waits for a broker that is away."""
    while True:
        with contextlib.suppress(KafkaError, OSError):
            if await _exists(settings):
                async with _reader(settings) as (consumer, source):
                    journals = _journals(await _all(consumer, source))
                    journal = Journal.latest(journals, None, _passed_over) if journals else Journal()
                    while journal is None or not until(journal):
                        journal = Journal.latest(_journals(await _next(consumer, source)), journal, _passed_over)
                    return journal
        await asyncio.sleep(_PAUSE_SECONDS)


def at_live(settings: Settings, journal: Journal) -> Settings:
    """The settings with the live generation, unless they name one themselves."""
    if "generation" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"generation": journal.live})


def named_beside_live(settings: Settings, journal: Journal) -> tuple[str, str] | None:
    """What is so, and what to do, where the settings name a generation that is not the live one; None where not.

    Each is without its full stop.
    """
    if at_live(settings, journal).generation == journal.live:
        return None
    named = f"this is about generation {settings.generation}, which TELEMETRY_GENERATION names"
    return f"{named}; {journal.live} is live", "Where that is not meant: unset TELEMETRY_GENERATION"


def require_following(settings: Settings) -> None:
    """Raise JournalError if the settings name a generation: then they, and parts with them, do not follow the live one.

    Nobody can pause such parts, and none of them would go on with the generation that takes its place.
    """
    if "generation" in settings.model_fields_set:
        message = (
            "TELEMETRY_GENERATION names a generation, whose workers nobody can pause: unset it everywhere first, also "
            "in this terminal: unset TELEMETRY_GENERATION"
        )
        raise JournalError(message)


async def live_settings(settings: Settings) -> Settings:
    """The same by the journal, which is read only if it decides. Raises KafkaError, JournalError."""
    if "generation" in settings.model_fields_set:
        return settings
    return at_live(settings, await read_journal(settings))


def _writers_id(settings: Settings) -> str:
    """The transactional id that fences who writes the journal."""
    return f"{Topics.of(settings).prefix}generations"


async def may_write_journal(settings: Settings) -> bool:
    """Whether Kafka lets this user write it; raises KafkaError where it does not tell."""
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        return await may_transact(admin, _writers_id(settings))


class JournalWriter:
    """The one writer of the journal: a later one fences it, so nothing is written by who does not know of the other.

    Attributes:
        journal: As it was read when this one took over, then as it was last written.
    """

    def __init__(self, settings: Settings) -> None:
        self.journal = Journal()
        self._settings = settings
        self._topic = Topics.of(settings).generations
        self._producer = clients.producer(settings.kafka_options(), transactional_id=_writers_id(settings))

    async def __aenter__(self) -> Self:
        try:
            await self._producer.start()
            self.journal = await read_journal(self._settings)
        except BaseException:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._producer.stop()

    async def write(self, journal: Journal) -> None:
        """Replace the journal; raises JournalError if another process has taken over."""
        try:
            async with self._producer.transaction():
                await self._producer.send_and_wait(self._topic, journal.encode(), JOURNAL_KEY, partition=_PARTITION)
        except ProducerFenced as error:
            message = "another process has taken the change of generations over; `replay status` shows where it stands."
            raise JournalError(message) from error
        self.journal = journal
