"""Places in the log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.wire.place import OFFSET_BITS, OFFSET_MASK, place_at, split_place


@given(st.integers(0, (1 << 13) - 1), st.integers(0, OFFSET_MASK))
def test_a_place_says_its_partition_and_offset(partition: int, offset: int) -> None:
    """And JavaScript can count to it."""
    place = place_at(partition, offset)

    assert split_place(place) == (partition, offset)
    assert place < 1 << 53


def test_places_of_a_partition_are_in_order() -> None:
    """Those of the next partition come after them."""
    assert place_at(2, OFFSET_MASK) + 1 == place_at(3, 0) == 3 << OFFSET_BITS
