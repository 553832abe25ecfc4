"""Names and notes of an archive, and what of the log it does not have yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.raw_log.archive_files import (
    ArchiveFile,
    Group,
    check,
    file_name,
    missing_ranges,
    previous_of,
    read_files,
)
from operations.raw_log.errors import RawLogError

if TYPE_CHECKING:
    from pathlib import Path

DAY = "2026-11-21"
OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def archived(first: int, last: int, **fields: Any) -> ArchiveFile:
    """A file of partition 3."""
    given: dict[str, Any] = {
        "name": file_name(fields.get("day", DAY), fields.get("partition", 3), first),
        "day": DAY,
        "partition": 3,
        "partitions": 4,
        "first": first,
        "last": last,
        "rows": last - first + 1,
        "digest": (1 << 64) - 1,
        "bytes": 0,
        "sha256": OF_NOTHING,
        "previous": "",
    }
    return ArchiveFile(**(given | fields))


def write(directory: Path, *files: ArchiveFile) -> None:
    """Put empty files and their notes there."""
    for one in files:
        (directory / one.name).touch()
        (directory / f"{one.name}.json").write_bytes(msgspec.json.encode(one))


def test_names_say_day_partition_and_first_offset() -> None:
    """People find a day by its name."""
    assert file_name(DAY, 3, 10_562) == "2026-11-21.p3.10562.parquet"


def test_everything_is_missing_from_an_empty_archive() -> None:
    """The first file of a day takes all of it; other days and partitions do not count."""
    group = Group(DAY, 3, 10, 5, 20)

    assert missing_ranges(group, []) == [(5, 20)]
    assert missing_ranges(group, [archived(5, 20, day="2026-11-20"), archived(5, 20, partition=2)]) == [(5, 20)]
    assert missing_ranges(group, [archived(5, 20)]) == []


@given(st.integers(0, 40), st.integers(0, 40), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10)), max_size=5))
def test_ranges_are_what_no_file_covers(first: int, length: int, intervals: list[tuple[int, int]]) -> None:
    """Every offset of the group is in a file or in exactly one range, and no range reaches beyond the group."""
    files = [archived(begin, begin + size) for begin, size in intervals]
    ranges = missing_ranges(Group(DAY, 3, 1, first, first + length), files)

    found = [offset for begin, end in ranges for offset in range(begin, end + 1)]
    covered = {offset for one in files for offset in range(one.first, one.last + 1)}
    assert found == [offset for offset in range(first, first + length + 1) if offset not in covered]


def test_a_file_names_the_one_before_it() -> None:
    """By offset and within its partition, whatever the days are."""
    files = [archived(0, 9), archived(10, 19, day="2026-11-20"), archived(4, 30, partition=2)]

    assert previous_of(files, 3, 20) == files[1].name
    assert previous_of(files, 3, 10) == files[0].name
    assert previous_of(files, 3, 0) == ""
    assert previous_of(files, 1, 20) == ""


def test_notes_are_read_in_the_order_of_the_log(tmp_path: Path) -> None:
    """A file without its note does not count, nor does what was left unfinished."""
    files = [archived(9, 9, partition=0), archived(2, 3), archived(100, 101)]
    write(tmp_path, *reversed(files))
    (tmp_path / file_name(DAY, 3, 200)).write_bytes(b"PAR1")
    (tmp_path / f"{file_name(DAY, 3, 300)}.json.unfinished").write_bytes(b"{")

    assert read_files(tmp_path) == files
    for one in files:
        check(tmp_path, one)


def test_what_is_damaged_is_named(tmp_path: Path) -> None:
    """A note that is no note, a file of another size, one of other bytes, and one that is gone."""
    one = archived(0, 0, bytes=4)
    write(tmp_path, one)
    with pytest.raises(RawLogError, match=r"p3\.0\.parquet is damaged: it has 0 bytes, not 4"):
        read_files(tmp_path)
    (tmp_path / one.name).write_bytes(b"PAR1")
    assert read_files(tmp_path) == [one]
    with pytest.raises(RawLogError, match="SHA-256"):
        check(tmp_path, one)
    (tmp_path / one.name).unlink()
    with pytest.raises(RawLogError, match="is missing"):
        read_files(tmp_path)
    (tmp_path / f"{one.name}.json").write_bytes(b"{}")
    with pytest.raises(RawLogError, match=r"\.json is damaged"):
        read_files(tmp_path)
    with pytest.raises(RawLogError, match="no directory"):
        read_files(tmp_path / "nowhere")
