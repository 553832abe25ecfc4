"""Tables as commands print them: whole at any width of the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.console import Console

__all__ = ["keep_words", "whole_table"]

# Characters; wider than any terminal.
_WIDEST: Final = 10_000


def whole_table(*columns: str, title: str | None = None, unbroken: Collection[str] = ()) -> Table:
    """A table in which a name that is longer than its cell goes on in the next line, and none ends with `…`.

    The columns that are `unbroken`, such as ids that somebody copies, keep each cell in one line.
    """
    folding = (Column(name, overflow="fold", no_wrap=name in unbroken) for name in columns)
    return Table(*folding, title=title, title_justify="left")


def keep_words(table: Table, column: int, console: Console) -> None:
    """Where the table is wider than the console, fold a column between its words alone, at the cost of the others."""
    cells = [str(cell) for cell in table.columns[column].cells]
    whole = console.options.update_width(_WIDEST)
    if table.__rich_measure__(console, whole).maximum > console.width:
        table.columns[column].width = max(len(word) for cell in cells for word in cell.split() or [""])
