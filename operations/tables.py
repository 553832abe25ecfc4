"""Tables as commands print them: whole at any width of the terminal, folded where a reader would fold them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, chop_cells
from rich.table import Table
from rich.text import Text

from schemas.controls import without_controls

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult

__all__ = ["WholeTable", "folded"]

# Where a text may go on in the next line: between words; if a word is too long for that, where a name has a joint,
# never within a number or a date; then within a name of code.
_FOLDS: Final = (
    re.compile(r"(?<=\s)(?=\S)"),
    re.compile(r"(?<=\w[-/.,=:])(?=[A-Za-z])"),
    re.compile(r"(?<=[A-Za-z0-9]_)(?=\w)"),
)
_ANYWHERE: Final = len(_FOLDS)
# Of what has no joint, such as a hash; less would be a column of letters.
_LEAST_PIECE: Final = 8
# How finely a table is folded, and how much room is beside each cell, until it is narrow enough: rather no room than a
# variable's name in two lines.
_ATTEMPTS: Final = ((1, 1), (1, 0), (2, 1), (2, 0), (_ANYWHERE, 0))


class WholeTable:
    """A table in which no cell ends with `…`, no word is broken that need not be, and no number is.

    Cells are console markup. The columns that are `unbroken`, such as ids that somebody copies, keep each cell in one
    line; so do those to the `right`, which are numbers.
    """

    def __init__(
        self, *columns: str, title: str | None = None, unbroken: Collection[str] = (), right: Collection[str] = ()
    ) -> None:
        """One without rows; `unbroken` and `right` are names of columns."""
        self.caption = ""
        self._title = title
        self._right = {place for place, name in enumerate(columns) if name in right}
        self._unbroken = {place for place, name in enumerate(columns) if name in unbroken} | self._right
        self._headers = [Text(name) for name in columns]
        self._rows: list[list[Text]] = []

    def add_row(self, *cells: str) -> None:
        """Add a row, with a cell for each column."""
        self._rows.append([Text.from_markup(without_controls(cell)) for cell in cells])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render it no wider than the console, unless what must not be broken is."""
        columns = [list(column) for column in zip(self._headers, *self._rows, strict=True)]
        for finest, padding in _ATTEMPTS:
            around = len(columns) * (2 * padding + 1) + 1
            widths = self._widths(columns, options.max_width - around, finest)
            if (needed := sum(widths) + around) <= options.max_width:
                break
        table = Table(title=self._title, title_justify="left", caption=self.caption or None, padding=(0, padding))
        for place, (width, header) in enumerate(zip(widths, self._headers, strict=True)):
            justify: JustifyMethod = "right" if place in self._right else "left"
            table.add_column(folded(header, width), width=width, no_wrap=True, justify=justify)
        for row in self._rows:
            table.add_row(*map(folded, row, widths))
        yield from console.render(table, options.update(width=max(needed, options.max_width)))

    def _widths(self, columns: Sequence[Sequence[Text]], available: int, finest: int) -> list[int]:
        """How wide each column is; folds are made finer until there is room, in the widest columns first."""
        levels = [0] * len(columns)
        least = [_least_of(column, 0, place in self._unbroken) for place, column in enumerate(columns)]
        while sum(least) > available:
            # A header has joints at most, also above what must not be broken.
            limits = (min(finest, _ANYWHERE - (place in self._unbroken)) for place in range(len(columns)))
            finer = [place for place, limit in enumerate(limits) if levels[place] < limit]
            if not finer:
                break
            place = min(finer, key=lambda number: (levels[number], -least[number]))
            levels[place] += 1
            least[place] = _least_of(columns[place], levels[place], place in self._unbroken)
        whole = [max(cell_len(line) for cell in column for line in cell.plain.split("\n")) for column in columns]
        return _shared(least, whole, max(0, available - sum(least)))


def folded(text: Text, width: int) -> Text:
    """The text in lines that are no wider, as far as its words and joints allow it."""
    lines = [line for whole in text.split("\n", allow_blank=True) for line in _lines(whole, width)]
    return Text("\n").join(lines)


def _lines(text: Text, width: int) -> list[Text]:
    ends, start, at = list[int](), 0, 0
    for piece in _pieces(text.plain, 0, width):
        if at > start and cell_len(text.plain[start:at] + piece.rstrip()) > width:
            ends.append(at)
            start = at
        at += len(piece)
    lines = text.divide(ends)
    for line in lines:
        line.rstrip()
    return list(lines)


def _pieces(text: str, level: int, width: int) -> list[str]:
    """What stays together in lines of a width, in order: folded no finer than needed."""
    if cell_len(text.rstrip()) <= width and level:
        return [text]
    if level == _ANYWHERE:
        return chop_cells(text, width)
    return [piece for part in _FOLDS[level].split(text) for piece in _pieces(part, level + 1, width)]


def _least_of(column: Sequence[Text], level: int, unbroken: bool) -> int:  # noqa: FBT001 - of one caller
    """The width that a column needs; above what must not be broken the header may be all the same."""
    header, *cells = (cell.plain.split("\n") for cell in column)
    lines = [line for cell in cells for line in cell]
    return max(
        [_least(line, level) for line in header]
        + [cell_len(line) if unbroken else _least(line, level) for line in lines]
    )


def _least(text: str, level: int) -> int:
    """The width of the longest piece of a text that is folded so finely."""
    pieces = [text]
    for fold in _FOLDS[: level + 1]:
        pieces = [piece for part in pieces for piece in fold.split(part)]
    longest = max(cell_len(piece.rstrip()) for piece in pieces)
    return min(longest, _LEAST_PIECE) if level == _ANYWHERE else longest


def _shared(least: Sequence[int], whole: Sequence[int], spare: int) -> list[int]:
    """Widths from the least on: what is left goes to all alike, so that what is short is whole and the long folds."""
    widths = list(least)
    wanting = sorted(range(len(widths)), key=lambda place: whole[place] - least[place])
    for left, place in zip(range(len(wanting), 0, -1), wanting, strict=True):
        more = min(whole[place] - least[place], spare // left)
        widths[place] += more
        spare -= more
    return widths
