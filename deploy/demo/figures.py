"""What became of the demo's documents, in a few lines that fit beside the rest of a first screen."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from operations.cut import printable
from operations.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COLUMNS", "Figures"]

COLUMNS: Final = 80

_INDENT: Final = " " * 10
_MOST_SCORES: Final = 3
_HEADERS: Final = ("student", "engagement", "frustration", "completion", "tutorial")


@dataclass(frozen=True, slots=True)
class Figures:
    """Rows as ClickHouse has them.

    `webhooks` are status, verdict and how many; `facts` event and how many; `scores` student, engagement, frustration,
    completion and tutorial, the most frustrated first.
    """

    students: int
    webhooks: tuple[Sequence[Any], ...]
    facts: tuple[Sequence[Any], ...]
    scores: tuple[Sequence[Any], ...]

    def lines(self) -> list[str]:
        """What came out, in lines of at most 80 columns."""
        documents = sum(count for _, _, count in self.webhooks)
        webhooks = ", ".join(f"{count} {status} ({verdict})" for status, verdict, count in self.webhooks)
        facts = ", ".join(f"{count} {event}" for event, count in self.facts)
        total = sum(count for _, count in self.facts)
        return [
            f"The demo sent {counted(documents, 'document')} of {counted(self.students, 'student')}. What came out:",
            *_folded("webhooks", webhooks),
            *_folded("facts", f"{total}: {facts}"),
            *_folded("scores", self._about_scores()),
            *self._table(),
        ]

    def _about_scores(self) -> str:
        shown = f"{len(self.scores)}, the most frustrated first"
        more = len(self.scores) - _MOST_SCORES
        return f"{shown}; {more} more in the console" if more > 0 else shown

    def _table(self) -> list[str]:
        widths = [len(header) for header in _HEADERS[:-1]]
        rest = COLUMNS - sum(widths) - 2 * len(_HEADERS)
        rows: list[tuple[str, ...]] = [_HEADERS]
        for student, *scores, tutorial in self.scores[:_MOST_SCORES]:
            figures = ("-" if score is None else f"{score:.2f}" for score in scores)
            slug = printable(tutorial, rest if len(tutorial) <= rest else rest - 1)
            rows.append((str(student), *figures, slug))
        return [
            "".join(f"  {cell:>{width}}" for cell, width in zip(row, widths, strict=False)) + f"  {row[-1]}"
            for row in rows
        ]


def _folded(name: str, text: str) -> list[str]:
    """A text behind its name, in as many lines as it needs, broken between its members only."""
    # What stays together is one word to textwrap.
    held = text.replace(", ", ",\0").replace(" ", "\xa0").replace("\0", " ")
    lines = textwrap.wrap(
        held,
        COLUMNS,
        initial_indent=f"{name:<10}",
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\xa0", " ") for line in lines]
