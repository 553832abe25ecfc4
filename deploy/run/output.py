"""Output that holds nobody up: written by a thread of its own, and given up where it cannot be written.

A terminal that stands still, a reader that has gone and a full disk are the reader's trouble, never that of the process
that runs the system.
"""

from __future__ import annotations

import io
import os
import queue
import select
import threading
from collections import Counter
from typing import Final, NamedTuple, TextIO

__all__ = ["DetachedOutput"]

_MOST_CHARACTERS: Final = 4 << 20
# About what holding a text takes beside it: empty lines have no end either.
_ENTRY_CHARACTERS: Final = 128
_CLOSE_SECONDS: Final = 1.0


class _Entry(NamedTuple):
    """A text for a file: what it takes of the room, and how many lines are lost with it."""

    file: TextIO
    text: str
    size: int
    lines: int


class DetachedOutput:
    """Takes what is written to some files and writes it in that order; what is too much, or fails, is left out.

    How many lines were left out is written where they are missing, once there is room again.
    """

    def __init__(self, most: int = _MOST_CHARACTERS) -> None:
        """Hold at most so many characters that are not written yet; each text counts as some more than it has."""
        self._most = most
        self._held = 0
        self._waiting: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._left_out: Counter[TextIO] = Counter()
        self._changed = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    def of(self, file: TextIO) -> TextIO:
        """A file whose `write` never waits and never fails, and ends up in `file`."""
        return _DetachedFile(self, file)

    def put(self, file: TextIO, text: str) -> None:
        """Take a text for a file."""
        entry = _Entry(file, text, len(text) + _ENTRY_CHARACTERS, max(1, text.count("\n")))
        with self._changed:
            if self._held + entry.size > self._most:
                self._left_out[file] += entry.lines
                return
            self._held += entry.size
            self._tell_left_out(file, "\n" if text.endswith("\n") else "")
            self._waiting.put(entry)

    def close(self, seconds: float = _CLOSE_SECONDS) -> bool:
        """Wait until everything is written, so long at most; returns whether it is."""
        with self._changed:
            for file in list(self._left_out):
                self._tell_left_out(file, "\n")
        self._waiting.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _tell_left_out(self, file: TextIO, end: str) -> None:
        """Write how many lines are missing here, if there are any; a text that ends as others of this file do."""
        if lines := self._left_out.pop(file, 0):
            text = f"… {lines} lines are missing here: they could not be written{end}"
            self._waiting.put(_Entry(file, text, 0, lines))

    def _run(self) -> None:
        while (entry := self._waiting.get()) is not None:
            # A reader that has gone may be followed by one that has not: each text is tried.
            lost = False
            try:
                _write(entry.file, entry.text)
            except Exception:  # noqa: BLE001 - whatever it is, it is the reader's trouble
                lost = True
            with self._changed:
                self._held -= entry.size
                if lost:
                    self._left_out[entry.file] += entry.lines


class _DetachedFile(io.TextIOBase, TextIO):
    def __init__(self, output: DetachedOutput, file: TextIO) -> None:
        self._output = output
        self._file = file

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only there, too
        return self._file.encoding or "utf-8"

    def isatty(self) -> bool:
        return self._file.isatty()

    def write(self, text: str) -> int:
        self._output.put(self._file, text)
        return len(text)


def _write(file: TextIO, text: str) -> None:
    """Write by the system's call where that is possible: no lock of Python's is held while it waits."""
    try:
        descriptor = file.fileno()
    except (OSError, ValueError, AttributeError):
        file.write(text)
        file.flush()
        return
    rest = memoryview(text.encode(file.encoding or "utf-8", errors="replace"))
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
