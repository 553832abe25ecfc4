"""Packing lines into messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.messages import OversizeError, keyed, pack, source_headers

LIMIT = 4_096 + 50


@given(st.lists(st.binary(max_size=50).filter(lambda line: b"\n" not in line), max_size=60))
def test_packing_loses_nothing_and_stays_below_the_limit(lines: list[bytes]) -> None:
    """Joined with newlines the messages give the lines back, each within the limit."""
    messages = list(pack("a fact", lines, source_headers(1, 9), LIMIT))

    assert all(message.value is not None and len(message.value) <= 50 for message in messages)
    assert [line for message in messages for line in (message.value or b"").split(b"\n")] == lines
    assert all(message.headers == [("first-offset", b"1"), ("last-offset", b"9")] for message in messages)


def test_a_line_that_fits_no_message_is_refused() -> None:
    """The error says what is too large, and by how much."""
    with pytest.raises(OversizeError, match="a fact of 51 bytes exceeds the limit of 50 bytes"):
        list(pack("a fact", [b"x" * 51], [], LIMIT))


def test_a_document_that_fits_no_message_is_refused() -> None:
    """Key and value count together."""
    with pytest.raises(OversizeError, match="a state of 51 bytes"):
        keyed("a state", [(b"k", b"x" * 50, [])], LIMIT)


def test_tombstones_are_messages_without_value() -> None:
    """None deletes a key on a compacted topic."""
    (message,) = keyed("a state", [(b"k", None, [])], LIMIT)

    assert message.key == b"k"
    assert message.value is None
