"""Texts of the transport."""

from __future__ import annotations

import string

from gateway.messages import FIELD_ERRORS, TRANSPORT
from schemas.wire.messages import MESSAGES
from schemas.wire.staff import DURATION, METRICS, NUMBER, OBJECT


def names(text: str) -> set[str]:
    """The placeholders of a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_say_the_same() -> None:
    """Their placeholders are the same, their words are not."""
    for message in TRANSPORT.values():
        assert names(message.en) == names(message.es)
        assert message.en != message.es


def test_no_slug_means_two_things() -> None:
    """Texts of the transport have slugs of their own."""
    assert not set(TRANSPORT) & set(MESSAGES)


def test_every_field_error_is_translated() -> None:
    """A Spanish caller reads Spanish for each kind of field."""
    assert set(FIELD_ERRORS) == {DURATION, METRICS, NUMBER, OBJECT}
