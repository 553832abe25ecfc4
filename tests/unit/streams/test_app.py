"""How much the worker fetches at a time."""

from __future__ import annotations

import pytest

from streams.app import fetch_bytes
from streams.chunk import ChunkLimits
from streams.tuning import Tuning

MIB = 1 << 20


@pytest.mark.parametrize(("partitions", "mebibytes"), [(1, 8), (8, 8), (16, 4), (2_000, 1)])
def test_a_fetch_brings_a_chunk_if_all_partitions_fit_into_the_memory(partitions: int, mebibytes: int) -> None:
    """A partition gets a chunk's bytes, with many its part of the budget, never so little as to crawl."""
    tuning = Tuning(chunk=ChunkLimits(2_000, 8 * MIB), memory_bytes=64 * MIB)

    assert fetch_bytes(tuning, partitions) == mebibytes * MIB
