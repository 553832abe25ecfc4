"""The lines of a supervisor and its parts on a console, each behind the name of who wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from deploy.run.levels import Level, level_of, shortened
from deploy.run.listening import Kind
from deploy.run.part_logs import log_file

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from deploy.run.listening import Notice

__all__ = ["AllLines", "GraveLines"]

_SUPERVISOR: Final = "supervisor"
# Red tells of faults only.
_COLOURS: Final = ("cyan", "magenta", "green", "yellow", "blue", "bright_green", "bright_cyan", "bright_magenta")
_FAULTS: Final = frozenset({Kind.ENDED, Kind.KILLED})
_STEPS: Final = frozenset({Kind.STARTS, Kind.READY, Kind.STOPPING})


class AllLines:
    """Prints everything as it comes."""

    def __init__(self, console: Console) -> None:
        """Nothing is printed yet."""
        self._console = console
        self._styles: dict[str, str] = {}

    def wrote(self, part: str, line: str) -> None:
        """Print what a part has written, with its colours."""
        style = self._styles.setdefault(part, _COLOURS[len(self._styles) % len(_COLOURS)])
        self._print(part, style, Text.from_ansi(line))

    def told(self, notice: Notice) -> None:
        """Print what the supervisor says."""
        style = "bold red" if notice.alarming else "red" if notice.kind in _FAULTS else "dim"
        self._print(_SUPERVISOR, "bold", Text(notice.text, style=style))

    def _print(self, name: str, style: str, line: Text) -> None:
        prefix = Text(f"{name:>{len(_SUPERVISOR)}} │ ", style=style)
        self._console.print(prefix + line, soft_wrap=True, highlight=False)


class GraveLines(AllLines):
    """Prints what the supervisor says, and of the parts' lines warnings, errors and what has no level.

    Of a part that ends it prints the last lines, too, unless that is only one more end in a row, and where the rest is.
    """

    def __init__(self, console: Console, logs: Path, *, steps: bool) -> None:
        """`logs` is the directory in which everything is; with `steps` each start is told, too, and lines are whole."""
        super().__init__(console)
        self._short = not steps
        self._logs = logs
        self._untold = frozenset() if steps else _STEPS
        self._shown: dict[str, str] = {}

    def wrote(self, part: str, line: str) -> None:
        """Print a line unless it says that something goes as it should."""
        if level_of(line) is not Level.INFO:
            self._shown[part] = line
            super().wrote(part, shortened(line) if self._short else line)

    def told(self, notice: Notice) -> None:
        """Print what the supervisor says, after the part's last lines."""
        if notice.kind in self._untold:
            return
        if notice.kind is Kind.ENDED:
            self.show_last(notice.part, () if notice.alarming else notice.last_lines)
        super().told(notice)
        if notice.kind is Kind.ENDED:
            self._print(_SUPERVISOR, "bold", Text(f"all that {notice.part} wrote: {self._log_of(notice.part)}"))

    def show_last(self, part: str, lines: tuple[str, ...]) -> None:
        """Print the last lines of a part that are not on the console yet."""
        shown = self._shown.pop(part, None)
        after = max((place for place, line in enumerate(lines, 1) if line == shown), default=0)
        for line in lines[after:]:
            super().wrote(part, line)

    def _log_of(self, part: str) -> Path:
        return log_file(self._logs, part)
