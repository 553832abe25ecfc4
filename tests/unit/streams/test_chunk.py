"""Cutting fetched records into chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chunk import ChunkLimits, cut
from tests.unit.streams.records import record


@given(
    sizes=st.lists(st.integers(0, 50), min_size=1, max_size=40),
    gaps=st.lists(st.integers(1, 3), min_size=40, max_size=40),
    records=st.integers(1, 10),
    size=st.integers(1, 120),
)
def test_chunks_cover_the_records_without_gap_within_the_limits(
    sizes: list[int], gaps: list[int], records: int, size: int
) -> None:
    """Chunks follow each other without a hole and hold at most the records and bytes allowed, or a single record."""
    offsets = [sum(gaps[: index + 1]) for index in range(len(sizes))]
    given_records = [record(at, b"x" * length, key=None) for at, length in zip(offsets, sizes, strict=True)]

    chunks = list(cut("raw", 3, 0, given_records, ChunkLimits(records, size)))

    assert [one for chunk in chunks for one in chunk.records] == given_records
    assert chunks[0].start == 0
    assert chunks[-1].end == offsets[-1] + 1
    assert all(before.end == after.start for before, after in pairwise(chunks))
    assert all(len(chunk.records) <= records for chunk in chunks)
    assert all(chunk.size <= size or len(chunk.records) == 1 for chunk in chunks)


def test_no_records_make_no_chunk() -> None:
    """Nothing fetched, nothing to process."""
    assert list(cut("raw", 3, 7, [], ChunkLimits())) == []


@pytest.mark.parametrize("limits", [(0, 1), (1, 0)])
def test_limits_that_nothing_fits_are_refused(limits: tuple[int, int]) -> None:
    """A chunk of no record or no byte would never end."""
    with pytest.raises(ValueError, match="at least one record"):
        ChunkLimits(*limits)


def test_tombstones_and_missing_keys_weigh_nothing() -> None:
    """A record without key and value counts as a record but not in bytes."""
    (chunk,) = cut("raw", 3, 0, [record(0, None, key=None)], ChunkLimits(1, 1))

    assert chunk.size == 0
