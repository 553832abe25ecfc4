"""Formats of what outlives a process: each is numbered, and who finds a higher number than it knows leaves it alone.

A number is raised where a reader of before would misread what is written, or lose some of it by writing it anew. What
carries none is of format 1. Who raises one writes its own release beside it (docs/upgrades.md has all of them).
"""

from __future__ import annotations

from typing import Final

from schemas.errors import OperatorError

__all__ = ["FIRST", "NewerFormatError", "format_in", "require_known"]

FIRST: Final = 1


class NewerFormatError(OperatorError):
    """Something was written by a newer release than this; nothing was touched, and the text says what to do.

    `release` is the one that says it wrote it, empty where it does not say; `parts` are what is so, and what to do.
    """

    def __init__(self, what: str, found: int, known: int, release: str = "") -> None:
        writer = f"release {release}" if release else "the release that wrote it"
        self.parts = (
            f"{what}: written in format {found}, of which this release reads {known} at most. Nothing was changed",
            f"Use {writer} or a newer one; docs/upgrades.md says how to go back.",
        )
        super().__init__(". ".join(self.parts))
        self.what, self.found, self.known, self.release = what, found, known, release

    def __reduce__(self) -> tuple[type[NewerFormatError], tuple[str, int, int, str]]:
        return type(self), (self.what, self.found, self.known, self.release)


def require_known(what: str, found: int, known: int, release: str = "") -> None:
    """Raise NewerFormatError where a format is newer than the newest that is `known`."""
    if found > known:
        raise NewerFormatError(what, found, known, release)


def format_in(value: object) -> int:
    """The number that a record carries; 1 where it carries none, or something that is no number."""
    return value if type(value) is int and value >= FIRST else FIRST
