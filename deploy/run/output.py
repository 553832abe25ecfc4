"""Output that holds nobody up: written by a thread of its own, and given up where it cannot be written.

A terminal that stands still, a reader that has gone and a full disk are the reader's trouble, never that of the process
that runs the system.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import select
import threading
from typing import Final, TextIO

__all__ = ["DetachedOutput"]

_MOST_CHARACTERS: Final = 4 << 20
_CLOSE_SECONDS: Final = 1.0


class DetachedOutput:
    """Takes what is written to some files and writes it in that order; what is too much, or fails, is left out."""

    def __init__(self, most: int = _MOST_CHARACTERS) -> None:
        """Hold at most so many characters that are not written yet."""
        self._most = most
        self._held = 0
        self._waiting: queue.SimpleQueue[tuple[TextIO, str] | None] = queue.SimpleQueue()
        self._changed = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    def of(self, file: TextIO) -> TextIO:
        """A file whose `write` never waits and never fails, and ends up in `file`."""
        return _DetachedFile(self, file)

    def put(self, file: TextIO, text: str) -> None:
        """Take a text for a file."""
        with self._changed:
            if self._held + len(text) > self._most:
                return
            self._held += len(text)
        self._waiting.put((file, text))

    def close(self, seconds: float = _CLOSE_SECONDS) -> bool:
        """Wait until everything is written, so long at most; returns whether it is."""
        self._waiting.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (entry := self._waiting.get()) is not None:
            file, text = entry
            # A reader that has gone may be followed by one that has not: each text is tried.
            with contextlib.suppress(Exception):
                _write(file, text)
            with self._changed:
                self._held -= len(text)


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
