"""Small parts for a supervisor, and a screen that remembers what it wrote."""

from __future__ import annotations

import io
import os
import sys

from rich.console import Console

from deploy.run.supervisor import Part

__all__ = ["Screen", "part"]


class Screen:
    """What the supervisor has written."""

    def __init__(self) -> None:
        self._file = io.StringIO()
        self.console = Console(file=self._file, width=200, color_system=None)

    @property
    def text(self) -> str:
        """All lines so far."""
        return self._file.getvalue()


def part(name: str, code: str, *, critical: bool = False, stop_seconds: float = 5, start_seconds: float = 20) -> Part:
    """A part that runs a piece of Python."""
    return Part(
        name,
        [sys.executable, "-c", code],
        os.environ,
        critical=critical,
        stop_seconds=stop_seconds,
        start_seconds=start_seconds,
    )
