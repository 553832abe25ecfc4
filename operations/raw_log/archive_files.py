"""The files of an archive: their names, what is noted beside each, and which ranges of the log are still to be written.

Each is one Parquet file of one partition and one UTC day, `2026-11-21.p3.10562.parquet`, where 10562 is the first
offset, and the same name with `.json` for the note, which is written last: without it a file does not count.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from operations.raw_log.errors import RawLogError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["ArchiveFile", "Group", "check", "file_name", "missing_ranges", "previous_of", "read_files"]

_NOTE: Final = ".json"
_AT_ONCE: Final = 1 << 20


class Group(msgspec.Struct, frozen=True):
    """What the table `raw` has of one UTC day and partition; `first` and `last` are offsets, both included."""

    day: str
    partition: int
    rows: int
    first: int
    last: int


class ArchiveFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The note beside a file.

    `first` and `last` are offsets in `partition`, `partitions` how many the topic had, `digest` what ClickHouse makes
    of all its rows, `previous` the file before it in its partition (empty for the first).
    """

    name: str
    day: str
    partition: int
    partitions: int
    first: int
    last: int
    rows: int
    digest: int
    bytes: int
    sha256: str
    previous: str


def file_name(day: str, partition: int, first: int) -> str:
    """The file of the rows of a day and partition from an offset on."""
    return f"{day}.p{partition}.{first}.parquet"


def previous_of(files: Iterable[ArchiveFile], partition: int, first: int) -> str:
    """The file of a partition that begins last before an offset; empty if none does."""
    before = [file for file in files if file.partition == partition and file.first < first]
    return max(before, key=lambda file: file.first).name if before else ""


def missing_ranges(group: Group, files: Iterable[ArchiveFile]) -> list[tuple[int, int]]:
    """The ranges of offsets (both ends included) of a group that lie outside its files, in order.

    Rows that came later for an old day, from a gateway that had spooled them, lie in such a range.
    """
    archived = sorted(
        (file.first, file.last) for file in files if (file.day, file.partition) == (group.day, group.partition)
    )
    missing, begin = [], group.first
    for first, last in archived:
        if begin < first:
            missing.append((begin, min(first - 1, group.last)))
        begin = max(begin, last + 1)
    if begin <= group.last:
        missing.append((begin, group.last))
    return missing


def read_files(directory: Path) -> list[ArchiveFile]:
    """The files that are finished, by partition and first offset.

    Raises RawLogError for a directory that is not there, a note that cannot be read, and a file that is gone or cut.
    """
    if not directory.is_dir():
        message = f"{directory} is no directory; create it or name another one."
        raise RawLogError(message)
    files = []
    for note in sorted(directory.glob(f"*.parquet{_NOTE}")):
        try:
            file = msgspec.json.decode(note.read_bytes(), type=ArchiveFile)
        except msgspec.DecodeError as error:
            message = f"{note} is damaged ({error}); bring it back, or delete it with its file and archive again."
            raise RawLogError(message) from error
        path = directory / file.name
        size = path.stat().st_size if path.exists() else -1
        if size != file.bytes:
            fault = "is missing" if size < 0 else f"is damaged: it has {size} bytes, not {file.bytes}"
            message = f"{path} {fault}; bring it back, or delete {note.name} and archive again."
            raise RawLogError(message)
        files.append(file)
    return sorted(files, key=lambda file: (file.partition, file.first))


def check(directory: Path, file: ArchiveFile) -> None:
    """Hold a file to its SHA-256; raises RawLogError where it is damaged."""
    digest = hashlib.sha256()
    with (directory / file.name).open("rb") as opened:
        while piece := opened.read(_AT_ONCE):
            digest.update(piece)
    if digest.hexdigest() != file.sha256:
        message = (
            f"{directory / file.name} is damaged: its SHA-256 is not the noted one; bring it back, "
            f"or delete {file.name}{_NOTE} and archive again."
        )
        raise RawLogError(message)
