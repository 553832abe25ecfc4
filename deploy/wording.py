"""Numbers with their nouns, as a person would say them."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, noun: str, style: str = "") -> str:
    """`1 student`, `1234 students`, in the style `,` `1,234 students`: for nouns whose plural ends in s."""
    return f"{number:{style}} {noun}{'' if number == 1 else 's'}"
