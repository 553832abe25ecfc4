"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from deploy.wording import counted


@pytest.mark.parametrize(
    ("number", "style", "text"),
    [
        (0, "", "0 students"),
        (1, "", "1 student"),
        (2, "", "2 students"),
        (1234, "", "1234 students"),
        (1234, ",", "1,234 students"),
    ],
)
def test_one_is_not_many(number: int, style: str, text: str) -> None:
    """Only one is one; groups of digits are told apart where people alone read."""
    assert counted(number, "student", style) == text
