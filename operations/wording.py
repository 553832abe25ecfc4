"""Numbers with their nouns, and what is wrong with a file, as a person would say them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["counted", "unreadable"]


def counted(number: int, noun: str, style: str = "") -> str:
    """`1 student`, `1234 students`, in the style `,` `1,234 students`: for nouns whose plural ends in s."""
    return f"{number:{style}} {noun}{'' if number == 1 else 's'}"


def unreadable(file: Path | str, error: Exception) -> str:
    """Why a file that somebody has named cannot be read, and what to do, in one line that names it once."""
    if isinstance(error, FileNotFoundError):
        return f"{file} cannot be read: there is no such file. Correct its name."
    if isinstance(error, IsADirectoryError):
        return f"{file} cannot be read: it is a directory. Name the files in it."
    if isinstance(error, PermissionError):
        return f"{file} cannot be read: that is not allowed to this user. Change its permissions."
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{file} cannot be read: {reason}"
