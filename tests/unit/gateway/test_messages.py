"""Texts that callers read."""

from __future__ import annotations

import string

from gateway.messages import FIELD_ERRORS, MESSAGES
from schemas.wire.staff import DURATION, METRICS, NUMBER, OBJECT


def names(text: str) -> set[str]:
    """The placeholders of a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_say_the_same() -> None:
    """Their placeholders are the same, their words are not."""
    for message in MESSAGES.values():
        assert names(message.en) == names(message.es)
        assert message.en != message.es


def test_every_field_error_is_translated() -> None:
    """A Spanish caller reads Spanish for each kind of field."""
    assert set(FIELD_ERRORS) == {DURATION, METRICS, NUMBER, OBJECT}
