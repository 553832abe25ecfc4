"""Builds a raw topic from the Parquet files of an archive, each record once, however often it is interrupted.

ClickHouse reads the files into a table of its own, and gives the records back in the order of the log: partition by
partition, by offset. A student's records never stand in a lower partition later on, so theirs stay in order, too, where
the log grew. A run of records is one transaction with the offset up to which its partition was restored.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import secrets
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from broker import clients
from broker.clickhouse_errors import CLICKHOUSE_ERRORS
from broker.committed import committed_topics
from broker.partitioning import topic_partitions
from operations.raw_log.archive_files import check, read_files
from operations.raw_log.errors import RawLogError, fenced, name_taken, other_partitions, taken_over
from operations.raw_log.producer import transactional_producer
from operations.raw_log.progress import Note, read_progress
from operations.raw_log.restore_writer import RestoreWriter
from operations.raw_log.seam import log_ends, offsets_between
from operations.raw_log.staging import Staging
from operations.retention import as_topics_keep
from operations.wording import counted
from schemas.wire.topics import Topics
from sinks.clickhouse import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from operations.raw_log.archive_files import ArchiveFile
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
    files = await asyncio.to_thread(_files_of, directory)
    done = Restoration(sum(file.rows for file in files))
    progress(done)

    def checked(file: ArchiveFile) -> None:
        done.checked += file.rows
        progress(done)

    def read(file: ArchiveFile) -> None:
        done.read += file.rows
        progress(done)

    def filled(so_far: int, of: int) -> None:
        done.filled, done.to_fill = so_far, of
        progress(done)

    await asyncio.to_thread(_check, directory, files, checked)
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        # As the new topic will keep it.
        kept = await as_topics_keep(settings, admin, await topic_partitions(admin))
    _refuse_expired(kept, files)
    there, had = await _log_state(settings, target, partitions, files)
    ends = await log_ends(settings, there)
    names = {file.name for file in files}
    done.lost = sorted({file.previous for file in files if file.previous} - names)
    prefix = f"raw_restore_{hashlib.sha256(target.encode()).hexdigest()[:12]}"
    with _taken_over(target), contextlib.closing(await asyncio.to_thread(connect, settings)) as client:
        producer = transactional_producer(settings, Topics.of(settings).restores_into(target))
        # A name of its own: another run that ends drops what that one made.
        staging = Staging(client, settings.database, f"{prefix}_{secrets.token_hex(4)}")
        try:
            # An earlier run that is still alive can commit nothing from here on.
            await producer.start()
            await asyncio.to_thread(staging.drop_others, prefix)
            lasts = await asyncio.to_thread(_stage, staging, directory, files, read)
            goals = {number: lasts.get(number, -1) + 1 for number in range(had)}
            notes = {
                number: Note(end=max(ends.get(number, 0), goal), without=what, goal=goal)
                for number, goal in goals.items()
            }
            writer = RestoreWriter(settings, producer, target, partitions, keep, filled)
            state = await writer.begin(notes, await _begun(settings, target))
            for number in goals:
                async for written, left_out in writer.write(staging, number, state):
                    done.records += written
                    done.left_out += left_out
                    progress(done)
        finally:
            try:
                await producer.stop()
            finally:
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


async def _log_state(settings: Settings, target: str, partitions: int, files: list[ArchiveFile]) -> tuple[int, int]:
    """How many partitions the log has now, and the most that it ever had.

    Raises RawLogError where the archive cannot go into the target.
    """
    source = Topics.of(settings).raw
    if target == source:
        raise name_taken(target, "it is the topic that was archived")
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        topics = await topic_partitions(admin)
        if await committed_topics(admin, Topics.of(settings).copies_into(target), TopicPartition(source, 0)):
            raise name_taken(target, "`raw copy` has already continued it from a topic")
    if topics.get(target, partitions) != partitions:
        raise other_partitions(target, topics[target], partitions)
    there = topics.get(source, 0)
    had = {file.partitions for file in files} | ({there} if there else set())
    if any(partitions % count for count in had):
        known = " and ".join(map(str, sorted(had)))
        message = (
            f"{target} cannot have {counted(partitions, 'partition')}: the log had {known}, and a topic of it has as "
            f"many or a multiple of them: `--partitions {math.lcm(*had)}`."
        )
        raise RawLogError(message)
    return there, max(had)


async def _begun(settings: Settings, target: str) -> Restored:
    """How far an earlier restore came."""
    async with clients.opened(clients.admin(settings.kafka_options())) as admin:
        return await read_progress(settings, admin, target)


def _files_of(directory: Path) -> list[ArchiveFile]:
    files = read_files(directory)
    if not files:
        message = f"{directory} has no archive; write one with `learnpack-telemetry archive {directory}`."
        raise RawLogError(message)
    return files


def _check(directory: Path, files: list[ArchiveFile], checked: Callable[[ArchiveFile], None]) -> None:
    for file in files:
        check(directory, file)
        checked(file)


def _refuse_expired(settings: Settings, files: list[ArchiveFile]) -> None:
    """Kafka removes what is older than the retention by its own timestamp, also where that was just written."""
    oldest = min(file.day for file in files)
    days = (datetime.now(UTC).date() - date.fromisoformat(oldest)).days
    if days >= settings.raw_retention_days:
        message = (
            f"the archive begins on {oldest}, which Kafka would not keep: set TELEMETRY_RAW_RETENTION_DAYS to more "
            f"than {days}, here and for all parts that use the topic."
        )
        raise RawLogError(message)


def _stage(
    staging: Staging, directory: Path, files: list[ArchiveFile], read: Callable[[ArchiveFile], None]
) -> dict[int, int]:
    """Fill the table; the last offset of each partition."""
    staging.create()
    for file in files:
        staging.load(directory / file.name)
        read(file)
    staged, digest = staging.figures(), sum(file.digest for file in files) % (1 << 64)
    if (staged.rows, staged.digest) != (sum(file.rows for file in files), digest):
        message = f"ClickHouse reads other rows from {directory} than were archived; nothing was restored."
        raise RawLogError(message)
    return staging.lasts()
