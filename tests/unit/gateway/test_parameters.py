"""Lists in query parameters."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.parameters import ID_LIST, id_list, words
from gateway.errors import ApiError


def test_words_are_trimmed_and_empty_ones_dropped() -> None:
    """As people type them."""
    assert words(" batch, ,open_step ,") == ("batch", "open_step")
    assert words(None) == words("") == ()


@given(st.from_regex(ID_LIST, fullmatch=True))
def test_what_the_document_allows_is_read(text: str) -> None:
    """The pattern in OpenAPI promises nothing that is refused."""
    assert all(number >= 0 for number in id_list("student", text))


@given(st.text())
def test_nothing_else_is(text: str) -> None:
    """What is refused does not match the pattern, and what matches is not refused."""
    matches = re.fullmatch(ID_LIST, text) is not None and "\n" not in text
    if matches:
        id_list("student", text)
    else:
        with pytest.raises(ApiError, match="invalid-filter"):
            id_list("student", text)


def test_the_refusal_names_field_and_values() -> None:
    """So that a caller can mend it."""
    with pytest.raises(ApiError) as refusal:
        id_list("student", "1,x,-2")

    assert refusal.value.values == {"field": "student", "values": "x, -2"}
