"""Bars of progress as commands show them: where the terminal is narrow the bar gives way, and no figure is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.progress import BarColumn, Progress, ProgressColumn
from rich.table import Column
from rich.text import Text

from operations.tables import folded

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Task

__all__ = ["bars"]

# Of a line, for the longest figures and a bar that still shows something.
_BESIDE: Final = 44
_LEAST: Final = 12


class _What(ProgressColumn):
    """What is done, in lines that leave room for the rest."""

    def __init__(self, console: Console) -> None:
        super().__init__(Column(no_wrap=True))
        self._console = console

    def render(self, task: Task) -> Text:
        return folded(Text(task.description), max(_LEAST, self._console.width - _BESIDE))


def bars(console: Console, *figures: type[ProgressColumn], **options: Any) -> Progress:
    """Bars with what is done before and these figures behind each, shown in a terminal alone.

    `options` are those of `rich.progress.Progress`.
    """
    shown = (figure(table_column=Column(no_wrap=True)) for figure in figures)
    return Progress(_What(console), BarColumn(), *shown, console=console, disable=not console.is_terminal, **options)
