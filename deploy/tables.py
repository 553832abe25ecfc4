"""Tables as commands print them: whole at any width of the terminal."""

from __future__ import annotations

from rich.table import Column, Table

__all__ = ["whole_table"]


def whole_table(*columns: str, title: str | None = None) -> Table:
    """A table in which a name that is longer than its cell goes on in the next line, and none ends with `…`."""
    return Table(*(Column(name, overflow="fold") for name in columns), title=title, title_justify="left")
