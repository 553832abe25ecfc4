"""A terminal with a program in it: what is on its screen, and keys to press."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import termios
from typing import TYPE_CHECKING, Self

import pyte

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["CTRL_C", "Terminal"]

CTRL_C = b"\x03"

_STOP_SECONDS = 15
# A test may have another PATH by the time.
_SETSID = shutil.which("setsid") or "setsid"


class Terminal:
    """Runs a command whose whole input and output is a terminal of a size; a context manager, which ends it by force.

    Attributes:
        written: All that the program has written so far.
    """

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str] | None = None, *, columns: int = 80, lines: int = 30
    ) -> None:
        """Start the command; its environment is this process's with `env` on top."""
        self.written = b""
        self._screen = pyte.HistoryScreen(columns, lines, history=10_000)
        self._stream = pyte.ByteStream(self._screen)
        self._keys, screen = os.openpty()
        os.set_blocking(self._keys, False)
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            # Without a terminal that it belongs to no key would be a signal.
            [_SETSID, "--ctty", *command],
            env={**os.environ, "TERM": "xterm-256color", **(env or {})},
            stdin=screen,
            stdout=screen,
            stderr=screen,
        )
        os.close(screen)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(_STOP_SECONDS)
        os.close(self._keys)

    @property
    def display(self) -> list[str]:
        """The lines of the screen as they look now, without the empty ones at its end."""
        self._read()
        lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def scrolled(self) -> int:
        """How many lines are above the screen by now."""
        self._read()
        return len(self._screen.history.top)

    def press(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._keys, keys)

    def shows(self, text: str, timeout: float = 60) -> None:
        """Wait until a text is on the screen; raises AssertionError if it ends before or the time is over."""

        def shown_or_over() -> bool:
            over = self.process.poll() is not None
            return text in "\n".join(self.display) or over

        eventually(shown_or_over, timeout, f"{text!r} on the screen")
        assert text in "\n".join(self.display), "\n".join(self.display)

    def ended(self, timeout: float = 60) -> int:
        """Wait until it has ended, and what it wrote is on the screen; returns its exit code."""

        def over() -> bool:
            code = self.process.poll()
            # A terminal that nobody reads holds its writer up.
            self._read()
            return code is not None

        eventually(over, timeout, "the end of the program")
        return self.process.wait()

    def _read(self) -> None:
        # A terminal that nobody writes to any more is an error to read.
        with contextlib.suppress(BlockingIOError, OSError):
            while piece := os.read(self._keys, 1 << 16):
                self.written += piece
                self._stream.feed(piece)
