"""The picture of the folders, and that no modules go round in circles."""

from __future__ import annotations

from tests.support.rooms import PAGE, circles, redraw


def test_the_picture_is_that_of_the_code() -> None:
    """docs/architecture.md shows the folders and their arrows as they are."""
    page = PAGE.read_text()

    assert page == redraw(page), "out of date: run `uv run python -m tests.support.rooms`"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not even for type checkers, or late, within a function."""
    assert circles() == []
