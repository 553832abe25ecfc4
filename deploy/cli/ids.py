"""How commands read the ids that options and arguments name."""

from __future__ import annotations

import typer

from schemas.coercion import MOST_ID, digits_as_id

__all__ = ["an_id"]


def an_id(text: str) -> int:
    """The id, as records' keys and headers can have it; raises BadParameter."""
    number = digits_as_id(text)
    if number is None:
        message = f"{text!r} is no id: a whole number from 0 to {MOST_ID}."
        raise typer.BadParameter(message)
    return number
