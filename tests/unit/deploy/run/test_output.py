"""Output that holds nobody up."""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import pytest
from rich.console import Console

from deploy.run.output import DetachedOutput
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = "x" * 100 + "\n"


class _Mended(io.StringIO):
    """A file on a disk that is full for a while."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.full = True
        self.failed = 0

    def write(self, text: str) -> int:
        """Write to the disk; raises OSError while it is full."""
        try:
            with (Path("/dev/full") if self.full else self.path).open("a", buffering=1) as file:
                return file.write(text)
        except OSError:
            self.failed += 1
            raise


@pytest.fixture
def output() -> Iterator[DetachedOutput]:
    """One whose thread ends with the test, unless it stands still."""
    output = DetachedOutput(most=200_000)
    yield output
    output.close()


def pipe() -> tuple[int, TextIO]:
    """Where to read, and a file to write to."""
    source, sink = os.pipe()
    return source, os.fdopen(sink, "w", encoding="utf-8")


def test_everything_is_written_in_order(output: DetachedOutput, tmp_path: Path) -> None:
    """What is printed on two consoles of a file is there when it is closed, in order."""
    path = tmp_path / "log"
    with path.open("w") as file:
        first, second = Console(file=output.of(file)), Console(file=output.of(file))
        for number in range(3):
            first.print(f"first {number}")
            second.print(f"second {number}")

        assert output.close(30)

    assert path.read_text().splitlines() == [f"{name} {number}" for number in range(3) for name in ("first", "second")]


def test_a_file_without_a_descriptor_will_do(output: DetachedOutput) -> None:
    """A file that is only in memory is written to as well."""
    file = io.StringIO()

    print("here", file=output.of(file))

    assert output.close(30)
    assert file.getvalue() == "here\n"


def test_a_reader_that_has_gone_is_no_error(output: DetachedOutput) -> None:
    """Nothing is raised, nothing ends, and other files are still written."""
    source, gone = pipe()
    os.close(source)
    memory = io.StringIO()

    with gone:
        Console(file=output.of(gone)).print("lost")
        Console(file=output.of(memory)).print("kept")

        assert output.close(30)
    assert memory.getvalue() == "kept\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_no_error(output: DetachedOutput) -> None:
    """A disk without room costs the line and nothing else."""
    with Path("/dev/full").open("w", buffering=1) as full:
        Console(file=output.of(full)).print("lost")

        assert output.close(30)


def test_a_reader_that_stands_still_holds_nobody_up(output: DetachedOutput) -> None:
    """What a pipe does not take waits up to the limit, the rest is left out, and closing says that not all is out."""
    source, still = pipe()
    with still:
        file = output.of(still)
        written = sum(file.write(LINE) for _ in range(10_000))

        assert written == 10_000 * len(LINE)
        assert not output.close(0.05)
        os.set_blocking(source, False)
        taken = 0
        while not output.close(0.01):
            with contextlib.suppress(BlockingIOError):
                taken += len(os.read(source, 1 << 16))
    os.close(source)
    assert taken < written / 2


def test_what_was_left_out_is_told_where_it_is_missing(output: DetachedOutput) -> None:
    """How many lines, before the next one that is written."""
    source, still = pipe()
    text = b""
    with still:
        file = output.of(still)
        for _ in range(10_000):
            file.write(LINE)
        # Less than what is held at least, and more than a pipe takes: there is room then.
        while len(text) < 80_000:
            text += os.read(source, 1 << 16)
        file.write("later\n")
        os.set_blocking(source, False)
        while not output.close(0.01):
            with contextlib.suppress(BlockingIOError):
                text += os.read(source, 1 << 16)
        with contextlib.suppress(BlockingIOError):
            text += os.read(source, 1 << 20)
    os.close(source)

    *written, last = text.decode().splitlines()
    whole = [line for line in written if line == LINE.rstrip()]
    missing = [re.fullmatch(r"… (\d+) lines are missing here: they could not be written", line) for line in written]
    told = [int(found[1]) for found in missing if found]
    assert last == "later"
    assert len(whole) + len(told) == len(written)
    assert len(whole) + sum(told) == 10_000
    assert told


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_what_fails_is_told_to_the_next_who_reads(output: DetachedOutput, tmp_path: Path) -> None:
    """As a disk that has room again; who closes hears of it at the latest then."""
    path = tmp_path / "log"
    file = _Mended(path)

    output.put(file, "one")
    output.put(file, "two\nthree\n")
    eventually(lambda: file.failed == 2, 30, "two failures")
    file.full = False

    assert output.close(30)
    assert path.read_text() == "… 3 lines are missing here: they could not be written\n"


def test_lines_without_anything_in_them_are_bounded(output: DetachedOutput) -> None:
    """Each of them takes memory, too."""
    source, still = pipe()
    with still:
        for _ in range(10_000):
            output.put(still, LINE)
        for _ in range(10_000):
            output.put(still, "")
        waiting = output._waiting.qsize()  # noqa: SLF001 - nothing else shows it
        os.close(source)
        output.close(30)

    assert 0 < waiting < 2_000


def test_a_terminal_is_still_one(output: DetachedOutput) -> None:
    """Whether a file is a terminal is not changed by being written by somebody else."""
    assert not output.of(io.StringIO()).isatty()
