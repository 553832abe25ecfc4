"""Output that holds nobody up."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import pytest
from rich.console import Console

from deploy.run.output import DetachedOutput

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = "x" * 100 + "\n"


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


def test_a_terminal_is_still_one(output: DetachedOutput) -> None:
    """Whether a file is a terminal is not changed by being written by somebody else."""
    assert not output.of(io.StringIO()).isatty()
