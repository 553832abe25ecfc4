"""How much of a long answer is on one page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reading.payloads import fitting


@pytest.mark.parametrize(
    ("sizes", "fit"),
    [([], 0), ([0], 1), ([99], 1), ([10, 0, 0], 3), ([5, 5], 2), ([5, 6], 1), ([99, 0], 1), ([1, 99, 1], 1)],
)
def test_a_page_holds_what_fits(sizes: list[int], fit: int) -> None:
    """From the first on, and one at least, however large it is."""
    assert fitting(sizes, 10) == fit


@given(st.lists(st.integers(0, 30), min_size=1))
def test_every_item_is_on_one_page(sizes: list[int]) -> None:
    """Following pages comes to the end, and only a page of one item may be too large."""
    seen = 0
    while seen < len(sizes):
        count = fitting(sizes[seen:], 20)
        assert count == 1 or sum(sizes[seen : seen + count]) <= 20
        seen += count
    assert seen == len(sizes)
