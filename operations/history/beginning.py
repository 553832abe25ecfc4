"""Where an import begins: in an empty raw topic, or in a new one that is to be before a log that has webhooks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiokafka import TopicPartition

from broker import clients
from broker.committed import committed_topics
from broker.partitioning import topic_partitions
from broker.reading import first_records
from operations.history.errors import HistoryError
from operations.history.finding import find_note, is_imported
from operations.raw_log import target as new_topic
from operations.raw_log.imported import ImportNote, read_note
from operations.raw_log.seam import log_ends
from operations.retention import as_topics_keep, days_kept
from operations.topic_fit import used_partitions
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiokafka.admin import AIOKafkaAdminClient

    from schemas.settings import Settings

__all__ = ["begin_before", "begin_in", "removed_before", "require_retention"]

_DAY_MS: Final = 86_400_000
_READ_MS: Final = 500


async def begin_in(settings: Settings, admin: AIOKafkaAdminClient) -> tuple[int, ImportNote]:
    """The partitions of the raw topic, and how far an import into it is.

    Where Kafka has forgotten that, it is found again in the log. Raises HistoryError where the topic is not there, or
    has webhooks before an import: history would come behind them.
    """
    partitions = await _partitions(settings, admin)
    if (note := await read_note(settings, admin)) is not None:
        return partitions, note
    raw, first = Topics.of(settings).raw, await _first_records(settings, partitions)
    # What was imported is the oldest of the log.
    if any(is_imported(record.headers) for record in first) and (found := await find_note(settings, partitions)):
        # A copy begins late, and what was removed before that nobody knows.
        begin = max((await _beginnings(settings, partitions)).values())
        return partitions, msgspec.structs.replace(found, begin=begin)
    if first:
        message = (
            f"{raw} has webhooks already, and history has to come before them: give the name of a new topic, --into "
            "webhooks.raw.2; docs/migrating.md says how that becomes the log."
        )
        raise HistoryError(message)
    return partitions, ImportNote(begin=max((await _beginnings(settings, partitions)).values()))


async def begin_before(
    settings: Settings, admin: AIOKafkaAdminClient, into: str, filled: Callable[[int, int], None]
) -> tuple[int, ImportNote]:
    """The same of a new topic, `into` behind the prefix, whose offsets begin behind those of the raw topic.

    `filled` is told how many offsets are filled, of how many. Raises HistoryError where the raw topic is empty, or
    already follows, and RawLogError where the name is taken.
    """
    partitions = await _partitions(settings, admin)
    target, raw = f"{settings.topic_prefix}{into}", Topics.of(settings).raw
    if target == raw:
        message = f"{target} is the log itself: leave out --into where it is empty, else give the name of a new topic."
        raise HistoryError(message)
    if await committed_topics(admin, Topics.of(settings).copies_into(target), TopicPartition(raw, 0)):
        message = f"`raw copy` has already continued {target}, behind which history cannot come; choose another name."
        raise HistoryError(message)
    if (note := await read_note(settings.model_copy(update={"raw_topic": into}), admin)) is not None:
        return partitions, note
    first = await _first_records(settings, partitions)
    if not first:
        message = f"{raw} has no webhooks that history must be before: leave out --into."
        raise HistoryError(message)
    if any(is_imported(record.headers) for record in first):
        message = f"{raw} has history already, which an import goes on with: leave out --into."
        raise HistoryError(message)
    end = max((await log_ends(settings, partitions)).values())
    await new_topic.create_target(settings, target, partitions, dict.fromkeys(range(partitions), end), filled)
    return partitions, ImportNote(begin=end + new_topic.MARGIN, end=end, until=_earliest(first) * 1000)


async def require_retention(settings: Settings, admin: AIOKafkaAdminClient, oldest: int) -> None:
    """Raise HistoryError where Kafka or ClickHouse would remove the oldest row as soon as it is there.

    `oldest` is its instant in microseconds.
    """
    age = (time.time_ns() // 1_000_000 - oldest // 1000) // _DAY_MS + 1
    day, raw = _day(oldest), Topics.of(settings).raw
    settings = await as_topics_keep(settings, admin, {raw: 0})
    if age >= settings.raw_retention_days:
        message = (
            f"the history begins on {day}, which would be removed at once: set TELEMETRY_RAW_RETENTION_DAYS to more "
            f"than {age} for all parts and run `learnpack-telemetry setup`, or leave out what is older with --since."
        )
        raise HistoryError(message)
    found = await days_kept(admin, [raw])
    if raw not in found:
        message = f"Kafka does not tell this user how long {raw} keeps records: allow it DescribeConfigs on that topic."
        raise HistoryError(message)
    kept = found[raw]
    if kept is not None and kept <= age:
        message = (
            f"the history begins on {day}, and {raw} keeps {kept} days: run `learnpack-telemetry setup`, "
            "which sets what TELEMETRY_RAW_RETENTION_DAYS says."
        )
        raise HistoryError(message)


async def removed_before(settings: Settings, partitions: int, note: ImportNote) -> str | None:
    """The day before which Kafka has removed what was imported, as the first record left is of then; else None.

    Raises HistoryError where nothing is left: what the note counts would be passed over, and be nowhere.
    """
    if not note.webhooks + note.documents:
        return None
    if all(begin <= note.begin for begin in (await _beginnings(settings, partitions)).values()):
        return None
    first = await _first_records(settings, partitions)
    if not first:
        message = (
            f"Kafka has removed all {note.webhooks + note.documents:,} rows that were imported into "
            f"{Topics.of(settings).raw} (it keeps TELEMETRY_RAW_RETENTION_DAYS), and no row is imported twice: set "
            'more days and begin again in an empty system (docs/migrating.md, "Begin again").'
        )
        raise HistoryError(message)
    return _day(_earliest(first) * 1000)


def _day(instant: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(instant // 1_000_000))


async def _beginnings(settings: Settings, partitions: int) -> dict[int, int]:
    """The first offset that each partition of the raw topic still has."""
    async with clients.opened(clients.consumer(settings.kafka_options())) as consumer:
        places = [TopicPartition(Topics.of(settings).raw, number) for number in range(partitions)]
        return {tp.partition: begin for tp, begin in (await consumer.beginning_offsets(places)).items()}


async def _partitions(settings: Settings, admin: AIOKafkaAdminClient) -> int:
    partitions = used_partitions(settings, await topic_partitions(admin))
    if not partitions:
        message = f"there is no topic {Topics.of(settings).raw}; run `learnpack-telemetry setup` first."
        raise HistoryError(message)
    return partitions


def _earliest(records: Iterable[Any]) -> int:
    return min(int(record.timestamp) for record in records)


async def _first_records(settings: Settings, partitions: int) -> list[Any]:
    """The first record of each of the raw topic's partitions that has one."""
    found = await first_records(settings, Topics.of(settings).raw, partitions)
    return [record for record, _ in found.values() if record is not None]
