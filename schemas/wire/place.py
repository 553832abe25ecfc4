"""A place in the log, which is a webhook's id: partition and offset in one number (docs/semantics.md)."""

from __future__ import annotations

from typing import Final

__all__ = ["OFFSET_BITS", "OFFSET_MASK", "place_at", "split_place"]

# The offset is in the low bits; both stay below 2^53, which JavaScript counts to.
OFFSET_BITS: Final = 40
OFFSET_MASK: Final = (1 << OFFSET_BITS) - 1


def place_at(partition: int, offset: int) -> int:
    """The place of an offset of a partition."""
    return partition << OFFSET_BITS | offset


def split_place(place: int) -> tuple[int, int]:
    """Partition and offset of a place."""
    return divmod(place, 1 << OFFSET_BITS)
