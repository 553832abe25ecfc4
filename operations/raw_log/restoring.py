"""Builds a raw topic from the Parquet files of an archive, each record once, however often it is interrupted.

ClickHouse reads the files into a table of its own, and gives the records back in the order of the log: partition by
partition, by offset. A student's records never stand in a lower partition later on, so theirs stay in order, too, where
the log grew. A run of records is one transaction with the offset up to which its partition was restored.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from broker import clients
from broker.committed import has_committed
from broker.partitioning import topic_partitions
from operations.raw_log.archive_parts import check, read_parts
from operations.raw_log.errors import RawLogError, fenced, taken_over
from operations.raw_log.producer import transactional_producer
from operations.raw_log.progress import Note, read_progress
from operations.raw_log.restore_writer import RestoreWriter
from operations.raw_log.seam import log_ends, offsets_between
from operations.raw_log.staging import Staging
from schemas.wire.topics import Topics
from sinks.clickhouse import CLICKHOUSE_ERRORS, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from operations.raw_log.archive_parts import ArchivePart
    from operations.raw_log.progress import Restored
    from schemas.settings import Settings

__all__ = ["Restoration", "restore_raw"]


@dataclass(slots=True)
class Restoration:
    """What a run did: records written and left out, of how many in the files.

    First files are checked, with so many records so far, and then read; then `filled` of `to_fill` offsets of the topic
    are, and writing begins.

    `gaps` are offsets that neither archive nor raw topic have, by partition; `lost` files that are named but not there.
    """

    total: int = 0
    checked: int = 0
    read: int = 0
    filled: int = 0
    to_fill: int = 0
    records: int = 0
    left_out: int = 0
    gaps: dict[int, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


async def restore_raw(
    settings: Settings,
    directory: Path,
    target: str,
    partitions: int,
    *,
    keep: Callable[[Any], bool] = lambda _: True,
    what: str = "",
    progress: Callable[[Restoration], None] = lambda _: None,
) -> Restoration:
    """Bring everything that the archive has and that was not restored before into a topic.

    Args:
        settings: Name the topic that was archived, which may be gone, and the ClickHouse that reads the files.
        directory: The archive.
        target: The topic's whole name.
        partitions: Of the target; a multiple of those that the topic had.
        keep: Whether a record is to be restored; the others are left out for good.
        what: What `keep` leaves out, as a text: a topic is finished with the same one that it was begun with.
        progress: Called at the beginning, after every file that is checked or read, by another thread, and after every
            transaction.

    Raises RawLogError where the files are damaged or do not fit the topic, aiokafka's KafkaError and
    sinks.clickhouse.CLICKHOUSE_ERRORS.
    """
    parts = await asyncio.to_thread(_parts, directory)
    done = Restoration(sum(part.rows for part in parts))
    progress(done)

    def checked(part: ArchivePart) -> None:
        done.checked += part.rows
        progress(done)

    def read(part: ArchivePart) -> None:
        done.read += part.rows
        progress(done)

    def filled(so_far: int, of: int) -> None:
        done.filled, done.to_fill = so_far, of
        progress(done)

    await asyncio.to_thread(_check, directory, parts, checked)
    _refuse_expired(settings, parts)
    there, had, begun = await _target_state(settings, target, partitions, parts)
    ends = await log_ends(settings, there)
    names = {part.name for part in parts}
    done.lost = sorted({part.previous for part in parts if part.previous} - names)
    prefix = f"raw_restore_{hashlib.sha256(target.encode()).hexdigest()[:12]}"
    with _taken_over(target), contextlib.closing(await asyncio.to_thread(connect, settings)) as client:
        producer = transactional_producer(settings, Topics.of(settings).restores_into(target))
        # A name of its own: another run that ends drops what that one made.
        staging = Staging(client, settings.database, f"{prefix}_{secrets.token_hex(4)}")
        try:
            # An earlier run that is still alive can commit nothing from here on.
            await producer.start()
            await asyncio.to_thread(staging.drop_others, prefix)
            lasts = await asyncio.to_thread(_stage, staging, directory, parts, read)
            goals = {number: lasts.get(number, -1) + 1 for number in range(had)}
            notes = {
                number: Note(end=max(ends.get(number, 0), goal), without=what, goal=goal)
                for number, goal in goals.items()
            }
            writer = RestoreWriter(settings, producer, target, partitions, keep, filled)
            state = await writer.begin(notes, begun)
            for number in goals:
                async for written, left_out in writer.write(staging, number, state):
                    done.records += written
                    done.left_out += left_out
                    progress(done)
        finally:
            await producer.stop()
            await asyncio.to_thread(staging.drop)
    done.gaps = await offsets_between(settings, there, goals)
    return done


@contextlib.contextmanager
def _taken_over(target: str) -> Iterator[None]:
    """Name a later run of the same target as the cause where that fences this one or drops its table."""
    try:
        with fenced(target):
            yield
    except CLICKHOUSE_ERRORS as error:
        if "UNKNOWN_TABLE" in str(error):
            raise taken_over(target) from error
        raise


async def _target_state(
    settings: Settings, target: str, partitions: int, parts: list[ArchivePart]
) -> tuple[int, int, Restored]:
    """How many partitions the log has now, the most that it ever had, and how far an earlier restore came.

    Raises RawLogError where the archive cannot go into the target.
    """
    source = Topics.of(settings).raw
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        there = (await topic_partitions(admin)).get(source, 0)
        had = {part.partitions for part in parts} | ({there} if there else set())
        if partitions < max(had) or any(partitions % one for one in had) or target == source:
            message = (
                f"{target} cannot have {partitions} partitions: it needs another name than {source}, and a multiple of "
                f"{' and of '.join(map(str, sorted(had)))} partitions, which the log had."
            )
            raise RawLogError(message)
        if await has_committed(admin, Topics.of(settings).copies_into(target), TopicPartition(source, 0)):
            message = f"{target} was already continued from a topic (`raw copy`); choose another name."
            raise RawLogError(message)
        return there, max(had), await read_progress(settings, admin, target)


def _parts(directory: Path) -> list[ArchivePart]:
    parts = read_parts(directory)
    if not parts:
        message = f"{directory} has no archive; write one with `learnpack-telemetry archive {directory}`."
        raise RawLogError(message)
    return parts


def _check(directory: Path, parts: list[ArchivePart], checked: Callable[[ArchivePart], None]) -> None:
    for part in parts:
        check(directory, part)
        checked(part)


def _refuse_expired(settings: Settings, parts: list[ArchivePart]) -> None:
    """Kafka removes what is older than the retention by its own timestamp, also where that was just written."""
    oldest = min(part.day for part in parts)
    days = (datetime.now(UTC).date() - date.fromisoformat(oldest)).days
    if days >= settings.raw_retention_days:
        message = (
            f"the archive begins on {oldest}, which Kafka would not keep: set TELEMETRY_RAW_RETENTION_DAYS to more "
            f"than {days}, here and for all parts that use the topic."
        )
        raise RawLogError(message)


def _stage(
    staging: Staging, directory: Path, parts: list[ArchivePart], read: Callable[[ArchivePart], None]
) -> dict[int, int]:
    """Fill the table; the last offset of each partition."""
    staging.create()
    for part in parts:
        staging.load(directory / part.name)
        read(part)
    found, digest = staging.figures(), sum(part.digest for part in parts) % (1 << 64)
    if (found.rows, found.digest) != (sum(part.rows for part in parts), digest):
        message = f"ClickHouse reads other rows from {directory} than were archived; nothing was restored."
        raise RawLogError(message)
    return staging.lasts()
