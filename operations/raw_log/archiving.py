"""Writes what the table `raw` holds into Parquet files, each checked before it counts.

One file a partition and day: it is small enough to be written again, a day can be deleted when its time has come, and
analysts find it by its name. A file is written under another name, synced, read back into ClickHouse, compared with the
table, and renamed; its note follows. Killed anywhere in between, nothing that counts is half there.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from operations.raw_log.archive_files import ArchiveFile, file_name, missing_ranges, previous_of, read_files
from operations.raw_log.errors import RawLogError
from operations.raw_log.raw_rows import Range, RawRows
from operations.raw_log.staging import Staging
from operations.stored import store, sync_directory
from schemas.wire.place import OFFSET_MASK
from sinks.clickhouse import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from operations.raw_log.archive_files import Group
    from operations.raw_log.figures import Figures
    from schemas.settings import Settings

__all__ = ["Archived", "archive_raw"]

_UNFINISHED: Final = ".unfinished"


@dataclass(slots=True)
class Archived:
    """Which files were written, how many were there already, and up to which UTC day."""

    until: str
    written: list[ArchiveFile] = field(default_factory=list)
    there: int = 0


def archive_raw(
    settings: Settings, directory: Path, until: date | None = None, say: Callable[[ArchiveFile], None] = lambda _: None
) -> Archived:
    """Write what the directory does not have yet, up to the last record of a UTC day (None: of yesterday).

    Raises RawLogError for a directory or file that cannot be used or written, and rows that cannot be archived;
    sinks.errors.ConfigurationError and sinks.clickhouse.CLICKHOUSE_ERRORS.
    """
    done = Archived(f"{until or datetime.now(UTC).date() - timedelta(days=1)}")
    with _only_one(directory), contextlib.closing(connect(settings)) as client:
        files = read_files(directory)
        done.there = len(files)
        rows = RawRows(client, settings.database, settings.partitions)
        count, last = rows.incomplete(done.until)
        if count:
            message = (
                f"{count} webhooks, the last of {last}, were stored before their keys and headers were: copy the log "
                "(`raw copy`) and go on with the copy, or archive when TELEMETRY_RAW_RETENTION_DAYS has removed them."
            )
            raise RawLogError(message)
        staging = Staging(client, settings.database, f"raw_archive_{_digest_of(directory)}")
        staging.create()
        try:
            writer = _Writer(rows, staging, directory, settings.partitions)
            for group in rows.groups(done.until):
                for file in writer.write_group(group, files):
                    files.append(file)
                    done.written.append(file)
                    say(file)
        finally:
            staging.drop()
    return done


@dataclass(frozen=True, slots=True)
class _Writer:
    rows: RawRows
    staging: Staging
    directory: Path
    partitions: int

    def write_group(self, group: Group, files: list[ArchiveFile]) -> Iterator[ArchiveFile]:
        """Write what a group has and `files` have not."""
        of_group = [file for file in files if (file.day, file.partition) == (group.day, group.partition)]
        covered = group.rows
        for first, last in missing_ranges(group, of_group):
            wanted = Range(group.day, group.partition, first, last)
            file = self._write(wanted, previous_of(files, group.partition, first))
            if file is not None:
                covered -= file.rows
                yield file
        # Fewer are there where retention or `forget` has removed some since.
        if of_group and covered > sum(file.rows for file in of_group):
            message = (
                f"{self.directory / of_group[0].name} lacks rows that the table has by now; delete the files of "
                f"{group.day}.p{group.partition} with their notes and archive again."
            )
            raise RawLogError(message)

    def _write(self, wanted: Range, previous: str) -> ArchiveFile | None:
        expected = self.rows.figures(wanted)
        if not expected.rows:
            return None
        first, last = (place & OFFSET_MASK for place in (expected.low, expected.high))
        path = self.directory / file_name(wanted.day, wanted.partition, first)
        unfinished = path.with_name(f"{path.name}{_UNFINISHED}")
        try:
            digest = hashlib.sha256()
            size = store(unfinished, _digested(self.rows.export(wanted), digest))
            self._compare(unfinished, path.name, expected)
            file = ArchiveFile(
                name=path.name,
                day=wanted.day,
                partition=wanted.partition,
                partitions=self.partitions,
                first=first,
                last=last,
                rows=expected.rows,
                digest=expected.digest,
                bytes=size,
                sha256=digest.hexdigest(),
                previous=previous,
            )
            note = self.directory / f"{path.name}.json"
            store(note.with_name(f"{note.name}{_UNFINISHED}"), [msgspec.json.format(msgspec.json.encode(file))])
            unfinished.rename(path)
            note.with_name(f"{note.name}{_UNFINISHED}").rename(note)
            sync_directory(self.directory)
        except (ConnectionError, TimeoutError):
            raise
        except OSError as error:
            message = f"{path} cannot be written: {error.strerror or error}; make room or mend it, and archive again."
            raise RawLogError(message) from error
        finally:
            unfinished.unlink(missing_ok=True)
        return file

    def _compare(self, written: Path, name: str, expected: Figures) -> None:
        """Read what was written back into ClickHouse; raises RawLogError where it is not what the table has."""
        self.staging.empty()
        self.staging.load(written)
        if (written_figures := self.staging.figures()) != expected:
            message = (
                f"{name} would hold {written_figures.rows} rows that are not the {expected.rows} of the table, which "
                "changed meanwhile; archive again."
            )
            raise RawLogError(message)


def _digested(pieces: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    """The same pieces, which the digest has then, too."""
    for piece in pieces:
        digest.update(piece)
        yield piece


@contextlib.contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """Make the directory and keep others from writing there; the lock ends with the process.

    Removes what a killed one left unfinished.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        message = f"{directory}: {error.strerror}; name a directory that you may write to."
        raise RawLogError(message) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in directory.glob(f"*{_UNFINISHED}"):
            left.unlink()
        yield
    except BlockingIOError as error:
        message = f"{directory} is being written by another `archive`; wait for it."
        raise RawLogError(message) from error
    finally:
        os.close(descriptor)


def _digest_of(directory: Path) -> str:
    return hashlib.sha256(f"{os.uname().nodename}:{directory.resolve()}".encode()).hexdigest()[:12]
