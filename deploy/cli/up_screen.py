"""Where `up` shows what it has to show: on a terminal with a panel that is kept up to date, else line by line."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, Self

from rich.live import Live

from deploy.cli.console import err, out
from deploy.cli.panel import Panel
from deploy.cli.screen import Screen
from deploy.run.lines import AllLines, GraveLines
from deploy.run.listening import Listeners
from deploy.run.output import DetachedOutput
from operations.pulse import PulseTaker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from deploy.run.listening import Listener, Notice
    from schemas.settings import Settings

__all__ = ["UpScreen"]

# Calm, and little work for who draws it.
_DRAWN_PER_SECOND: Final = 2
_PULSE_SECONDS: Final = 3.0


class UpScreen(AbstractContextManager["UpScreen"]):
    """Shows what parts write and what the supervisor says of them, and pages of `up` itself; nothing holds it up.

    Of the parts' lines only warnings, errors and what has no level, unless it is `verbose`; all of them are in `logs`.
    Where standard output and standard error are one terminal a panel stands below, unless it is `verbose`.
    """

    def __init__(self, parts: Sequence[str], logs: Path, *, verbose: bool) -> None:
        """Nothing is shown yet."""
        self._output = DetachedOutput()
        self._panel: Panel | None = None
        self._live: Live | None = None
        if not verbose and _is_one_terminal():
            self._page = self._screen = Screen(file=self._output.of(sys.stdout), highlight=False, soft_wrap=True)
            self._panel = Panel(parts)
            self._live = Live(
                self._panel,
                console=self._page,
                refresh_per_second=_DRAWN_PER_SECOND,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
        else:
            self._page = Screen(file=self._output.of(sys.stdout), highlight=False, soft_wrap=True, width=out.width)
            self._screen = Screen(file=self._output.of(sys.stderr), stderr=True, highlight=False, soft_wrap=True)
        self._lines = AllLines(self._screen) if verbose else GraveLines(self._screen, logs, steps=self._live is None)
        self._listeners: Listener = Listeners([self._lines, *([self._panel] if self._panel else [])])

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start(refresh=True)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Take the panel away and wait until all is written, a second at most."""
        if self._live is not None:
            self._live.stop()
        self._output.close()

    def wrote(self, part: str, line: str) -> None:
        """As deploy.run.listening.Listener."""
        self._listeners.wrote(part, line)

    def told(self, notice: Notice) -> None:
        """As deploy.run.listening.Listener."""
        self._listeners.told(notice)

    def doing(self, what: str) -> None:
        """Show in the panel what goes on."""
        if self._panel is not None:
            self._panel.doing = what

    def show(self, lines: Sequence[str]) -> None:
        """Print lines of a page, none of them taken for markup."""
        self._page.print("\n".join(lines), markup=False)

    def say(self, line: str) -> None:
        """Print a line about the run itself."""
        self._screen.print(line, markup=False)

    def show_last(self, part: str, lines: tuple[str, ...]) -> None:
        """Print the last lines of a part that are not shown yet."""
        if isinstance(self._lines, GraveLines):
            self._lines.show_last(part, lines)

    async def follow(self, settings: Settings) -> None:
        """Keep the panel's figures up to date until it is cancelled; without a panel there is nothing to do."""
        if self._panel is None:
            return
        self._panel.ready()
        async with PulseTaker(settings) as taker:
            while True:
                self._panel.pulse = await taker.take()
                await asyncio.sleep(_PULSE_SECONDS)


def _is_one_terminal() -> bool:
    return out.is_terminal and err.is_terminal and not out.is_dumb_terminal
