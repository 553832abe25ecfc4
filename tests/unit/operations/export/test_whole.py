"""Directories that are there as a whole."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from operations.export.errors import ExportError
from operations.export.progsnap import Form, write_dataset
from operations.export.progsnap_table import MainTable
from operations.export.whole import whole

if TYPE_CHECKING:
    from collections.abc import Iterator


def names(directory: Path) -> set[str]:
    """What is in a directory."""
    return {path.name for path in directory.iterdir()}


def fill_the_disk(beside: Path) -> None:
    """Begin a file, and fail."""
    (beside / "a").write_text("")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("there", ["", "there"])
def test_two_do_not_write_one_directory(tmp_path: Path, there: str) -> None:
    """The second one is refused before it writes, and takes nothing from the first."""
    directory = tmp_path / "set"
    if there:
        directory.mkdir()
    with whole(directory) as first:
        (first / "a").write_text("first")
        with pytest.raises(ExportError, match="another export writes"), whole(directory):
            pass
        (first / "b").write_text("first")

    assert (names(directory), names(tmp_path)) == ({"a", "b"}, {"set"})
    with pytest.raises(ExportError, match="not empty"), whole(directory):
        pass


@pytest.mark.parametrize("there", ["", "there"])
def test_what_a_killed_one_left_is_gone(tmp_path: Path, there: str) -> None:
    """Its lock went with it."""
    directory = tmp_path / "set"
    left = directory / ".unfinished" if there else tmp_path / ".set.unfinished"
    (left / "CodeStates").mkdir(parents=True)
    (left / "MainTable.csv").write_text("half")

    with whole(directory) as beside:
        (beside / "README.md").write_text("")

    assert (names(directory), names(tmp_path)) == ({"README.md"}, {"set"})


def test_a_directory_that_is_there_stays_the_same_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a mount has to; files come up into it, the page about them last, and on an error none is there."""
    before = tmp_path.stat().st_ino
    moved: list[str] = []
    rename = type(tmp_path).rename

    def noted(path: Path, to: Path) -> Path:
        moved.append(path.name)
        return rename(path, to)

    monkeypatch.setattr(type(tmp_path), "rename", noted)
    with pytest.raises(ExportError, match="make room"), whole(tmp_path) as beside:
        fill_the_disk(beside)
    assert (names(tmp_path), moved) == (set(), [])
    with whole(tmp_path) as beside:
        for name in ("README.md", "a", "z"):
            (beside / name).write_text("")

    assert (names(tmp_path), moved) == ({"README.md", "a", "z"}, ["a", "z", "README.md"])
    assert tmp_path.stat().st_ino == before


def test_what_came_in_between_is_not_replaced(tmp_path: Path) -> None:
    """Somebody else's file stays, and the export ends."""
    directory = tmp_path / "set"
    with pytest.raises(ExportError, match="not empty"), whole(directory):
        shutil.copytree(Path(__file__).parent, directory)

    assert Path(__file__).name in names(directory)
    assert names(tmp_path) == {"set"}


class Table(MainTable):
    """A table of which ClickHouse counts other rows than it gives."""

    def __init__(self, rows: int, *counts: int) -> None:
        self.rows = rows
        self._counts = list(counts)

    def count(self) -> int:
        """The next count."""
        return self._counts.pop(0)

    def write(self, form: str) -> Iterator[bytes]:
        """The rows."""
        yield form.encode() + b"\n" + b"row\n" * self.rows


def test_rows_that_are_missing_are_missed(tmp_path: Path) -> None:
    """Facts may come and go meanwhile; fewer than there were all the time are not the table."""
    for number, table in enumerate((Table(3, 2, 3), Table(2, 3, 2), Table(3, 3, 4))):
        assert write_dataset(table, tmp_path / f"{number}", "a", Form.CSV, pseudonyms=True).events == table.rows
    with pytest.raises(ExportError, match="2 of 3 events"):
        write_dataset(Table(2, 3, 4), tmp_path / "set", "a", Form.CSV, pseudonyms=True)

    assert names(tmp_path) == {"0", "1", "2"}
