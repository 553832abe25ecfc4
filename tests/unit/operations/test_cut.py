"""Texts of clients in a terminal."""

from __future__ import annotations

import pytest

from operations.cut import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("01-loops", "01-loops"),
        ("José\n[bold]", r"José\x0a[bold]"),
        ("\x1b[31mred\x9b\x7f", r"\x1b[31mred\x9b\x7f"),
        ("x" * 501, "x" * 500 + "…"),
    ],
)
def test_a_terminal_obeys_nothing_that_a_client_wrote(text: str, shown: str) -> None:
    """What it would take for a command is shown as what it is, and what is long is cut."""
    assert printable(text) == shown
