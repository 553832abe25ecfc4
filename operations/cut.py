"""Texts that clients wrote, at the length at which a page of them can be printed."""

from __future__ import annotations

from typing import Final

from schemas.controls import WRITTEN_OUT

__all__ = ["MOST_ROWS", "cut", "cut_text", "printable"]

# Rows of one kind that are shown of one thing.
MOST_ROWS: Final = 200


def cut(column: str, most: int = 500) -> str:
    """SQL for a column by its own name, with `…` where it is longer than so many characters."""
    return f"if(lengthUTF8({column}) > {most}, concat(leftUTF8({column}, {most}), '…'), {column}) AS {column}"


def cut_text(text: str, most: int = 500) -> str:
    """The same of a text."""
    return text if len(text) <= most else f"{text[:most]}…"


def printable(text: str, most: int = 500) -> str:
    """The same in one line, with nothing in it that a terminal would obey."""
    return cut_text(text, most).translate(WRITTEN_OUT)
