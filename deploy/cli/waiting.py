"""What a command waits for, on standard error of a terminal, until it has something to say itself."""

from __future__ import annotations

import contextlib
import itertools
import threading
from typing import TYPE_CHECKING, Final

from rich.console import RenderHook

from deploy.cli.console import err, out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import ConsoleRenderable

__all__ = ["CLICKHOUSE", "EVERYTHING", "KAFKA", "LOADING", "SERVERS", "STARTING", "waiting"]

LOADING: Final = "Loading…"
STARTING: Final = "Starting the processes of the replay…"
KAFKA: Final = "Asking Kafka…"
CLICKHOUSE: Final = "Asking ClickHouse…"
SERVERS: Final = "Asking Kafka and ClickHouse…"
EVERYTHING: Final = "Asking Kafka, ClickHouse and the gateway…"

# Whoever is answered at once need not be told.
_AFTER_SECONDS: Final = 1.0
_FRAME_SECONDS: Final = 0.1
_FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_CLEARED: Final = "\r\x1b[K"


class _Line(RenderHook):
    """The line, which gives way to whatever one of the consoles writes: an answer, a question, a bar."""

    def __init__(self, text: str, after: float) -> None:
        self._text = text
        self._after = after
        self._shown = False
        self._over = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="waiting", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Take the line away, for good."""
        with self._writing:
            if self._shown and not self._over.is_set():
                _write(_CLEARED)
            self._over.set()

    def close(self) -> None:
        """End it, and what writes it: a process that is to fork has no other thread."""
        self.end()
        self._thread.join()

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        self.end()
        return renderables

    def _run(self) -> None:
        self._over.wait(self._after)
        for frame in itertools.cycle(_FRAMES):
            with self._writing:
                if self._over.is_set():
                    return
                self._shown = True
                _write(f"\r{frame} {self._text}")
            self._over.wait(_FRAME_SECONDS)


def _write(text: str) -> None:
    # Not by the console, which the line gives way to. Nobody is held up by a terminal that has gone.
    with contextlib.suppress(OSError, ValueError):
        err.file.write(text)
        err.file.flush()


@contextlib.contextmanager
def waiting(text: str, after: float = _AFTER_SECONDS) -> Iterator[None]:
    """Say what a command waits for when it has said nothing for so many seconds; in a pipe or a file nothing is said.

    Decorates a command as well. From the first thing that the command writes on it says no more.
    """
    if not err.is_terminal or err.is_dumb_terminal:
        yield
        return
    line = _Line(text, after)
    for console in (out, err):
        console.push_render_hook(line)
    line.start()
    try:
        yield
    finally:
        line.close()
        for console in (out, err):
            console.pop_render_hook()
