"""How commands read the ids and the topics that options and arguments name."""

from __future__ import annotations

import typer

from schemas.coercion import MOST_ID, digits_as_id
from schemas.setting_types import topic_name

__all__ = ["a_topic", "an_id"]


def an_id(text: str) -> int:
    """The id, as records' keys and headers can have it; raises BadParameter."""
    number = digits_as_id(text)
    if number is None:
        message = f"{text!r} is no id: a whole number from 0 to {MOST_ID}."
        raise typer.BadParameter(message)
    return number


def a_topic(text: str) -> str:
    """The raw topic's name behind the prefix; raises BadParameter for one that it cannot have."""
    try:
        return topic_name(text)
    except ValueError as error:
        message = f"{text!r:.120}: {error}."
        raise typer.BadParameter(message) from None
