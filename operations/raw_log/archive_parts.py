"""The files of an archive: their names, what is noted beside each, and which ranges of the log are still to be written.

A part is one Parquet file of one partition and one UTC day, `2026-11-21.p3.10562.parquet`, where 10562 is the first
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

__all__ = ["ArchivePart", "Group", "check", "missing_ranges", "part_name", "previous_of", "read_parts"]

_NOTE: Final = ".json"
_AT_ONCE: Final = 1 << 20


class Group(msgspec.Struct, frozen=True):
    """What the table `raw` has of one UTC day and partition; `first` and `last` are offsets, both included."""

    day: str
    partition: int
    rows: int
    first: int
    last: int


class ArchivePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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


def part_name(day: str, partition: int, first: int) -> str:
    """The file of the rows of a day and partition from an offset on."""
    return f"{day}.p{partition}.{first}.parquet"


def previous_of(parts: Iterable[ArchivePart], partition: int, first: int) -> str:
    """The file of a partition that begins last before an offset; empty if none does."""
    before = [part for part in parts if part.partition == partition and part.first < first]
    return max(before, key=lambda part: part.first).name if before else ""


def missing_ranges(group: Group, parts: Iterable[ArchivePart]) -> list[tuple[int, int]]:
    """The ranges of offsets (both ends included) of a group that lie outside its parts, in order.

    Rows that came later for an old day, from a gateway that had spooled them, lie in such a range.
    """
    own = sorted(
        (part.first, part.last) for part in parts if (part.day, part.partition) == (group.day, group.partition)
    )
    missing, begin = [], group.first
    for first, last in own:
        if begin < first:
            missing.append((begin, min(first - 1, group.last)))
        begin = max(begin, last + 1)
    if begin <= group.last:
        missing.append((begin, group.last))
    return missing


def read_parts(directory: Path) -> list[ArchivePart]:
    """The parts that are finished, by partition and first offset.

    Raises RawLogError for a directory that is not there, a note that cannot be read, and a file that is gone or cut.
    """
    if not directory.is_dir():
        message = f"{directory} is no directory; create it or name another one."
        raise RawLogError(message)
    parts = []
    for note in sorted(directory.glob(f"*.parquet{_NOTE}")):
        try:
            part = msgspec.json.decode(note.read_bytes(), type=ArchivePart)
        except msgspec.DecodeError as error:
            message = f"{note} is damaged ({error}); bring it back, or delete it with its file and archive again."
            raise RawLogError(message) from error
        file = directory / part.name
        size = file.stat().st_size if file.exists() else -1
        if size != part.bytes:
            found = "is missing" if size < 0 else f"is damaged: it has {size} bytes, not {part.bytes}"
            message = f"{file} {found}; bring it back, or delete {note.name} and archive again."
            raise RawLogError(message)
        parts.append(part)
    return sorted(parts, key=lambda part: (part.partition, part.first))


def check(directory: Path, part: ArchivePart) -> None:
    """Hold a file to its SHA-256; raises RawLogError where it is damaged."""
    digest = hashlib.sha256()
    with (directory / part.name).open("rb") as file:
        while piece := file.read(_AT_ONCE):
            digest.update(piece)
    if digest.hexdigest() != part.sha256:
        message = (
            f"{directory / part.name} is damaged: its SHA-256 is not the noted one; bring it back, "
            f"or delete {part.name}{_NOTE} and archive again."
        )
        raise RawLogError(message)
