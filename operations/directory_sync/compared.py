"""What came of one kind in a comparison, in figures and words (pure)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from operations.wording import counted
from schemas.reference.directory_file import ONE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.reference.lookup import Kind

__all__ = ["Compared", "held_back_words"]

_SHOWN: Final = 5


@dataclass(slots=True)
class Compared:
    """What came of a kind: rows of the LMS, records written and removed, and what was left as it is.

    `refused` has why rows are no records, `refused_rows` counts them. Where too much would change at once `held_back`
    counts what would have been removed, `unmoved` what would belong to somebody else, and `left_out` what is new and
    not written because of that: what is written would be held, and a share of it, next time. `before` is what the
    directory held of the LMS's before the pass wrote anything.
    """

    kind: Kind
    before: int = 0
    rows: int = 0
    written: int = 0
    removed: int = 0
    held_back: int = 0
    unmoved: int = 0
    left_out: int = 0
    refused_rows: int = 0
    refused: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Known records that stay as they are because too many would change at once."""
        return self.held_back + self.unmoved

    def refuse(self, key: bytes, error: ValueError) -> None:
        """Note that a row is no record."""
        # What is no digest may be a token itself.
        shown = "" if self.kind == "tokens" else f" {key.decode()}"
        self._note(1, f"{self.kind}{shown}: {error}")

    def refuse_keyless(self, rows: int) -> None:
        """Note that so many rows have an id that no record can have."""
        if rows:
            what = "empty" if self.kind == "tokens" else "negative"
            self._note(rows, f"{self.kind}: {counted(rows, 'row')} whose `id` is null or {what}")

    def _note(self, rows: int, reason: str) -> None:
        self.refused_rows += rows
        if len(self.refused) < _SHOWN:
            self.refused.append(reason)


def held_back_words(result: Iterable[Compared]) -> str:
    """What stays as it is of all kinds, because too much would change at once; empty where nothing does."""
    parts: list[str] = []
    for one in result:
        name = ONE[one.kind]
        if one.held_back:
            parts.append(f"{_counted(one.held_back, one.kind)} that the LMS does not have")
        if one.unmoved:
            parts.append(f"{_counted(one.unmoved, one.kind)} that would belong to somebody else")
        if one.left_out and one.left:
            parts.append(f"{one.left_out} new {name if one.left_out == 1 else one.kind}")
    return ", ".join(parts)


def _counted(number: int, kind: Kind) -> str:
    return f"{number} {ONE[kind] if number == 1 else kind}"
