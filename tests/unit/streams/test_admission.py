"""Admission of chunks by position."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.admission import Admission, Verdict, skip_to
from streams.chunk import Chunk, ChunkLimits, cut
from tests.unit.streams.records import record

LOG_END = 60


def chunk(start: int, end: int) -> Chunk:
    """A chunk of one record for each even offset of the range; odd ones are transaction markers."""
    records = [record(offset) for offset in range(start, end) if offset % 2 == 0]
    return Chunk("raw", 3, start, end, records, 0)


@given(
    committed=st.integers(0, LOG_END),
    deliveries=st.lists(st.tuples(st.integers(0, LOG_END), st.integers(1, 20)), max_size=60),
)
def test_whatever_is_delivered_each_record_is_processed_once_and_in_order(
    committed: int, deliveries: list[tuple[int, int]]
) -> None:
    """Chunks that are dropped, repeated, overlapping or out of order never lead to a skipped or repeated record."""
    admission, processed = Admission(committed), []
    for start, length in deliveries:
        delivered = chunk(start, min(start + length, LOG_END))
        if delivered.end <= delivered.start:
            continue
        verdict = admission.judge(delivered)
        if verdict is Verdict.GAP:
            delivered = chunk(admission.position, admission.position + 1)
            assert admission.judge(delivered) is Verdict.ADMIT
        elif verdict is Verdict.STALE:
            continue
        processed += [one.offset for one in admission.fresh(delivered)]
        admission.advance(delivered.end)

    assert processed == [offset for offset in range(committed, admission.position) if offset % 2 == 0]


def test_a_chunk_above_the_position_is_a_gap() -> None:
    """Records before it were lost on the way: they must be read again first."""
    assert Admission(5).judge(chunk(6, 8)) is Verdict.GAP


def test_markers_between_two_chunks_are_no_gap() -> None:
    """A chunk that was read from the position on is admitted though its first record lies higher."""
    admission = Admission(5)
    (delivered,) = cut("raw", 3, 5, [record(9)], ChunkLimits())

    assert admission.judge(delivered) is Verdict.ADMIT
    assert [one.offset for one in admission.fresh(delivered)] == [9]


def test_a_chunk_that_was_processed_is_stale() -> None:
    """Faust delivers again what it had before a rebalance."""
    assert Admission(8).judge(chunk(6, 8)) is Verdict.STALE


def test_the_position_never_steps_back() -> None:
    """A commit below the position would count records twice."""
    with pytest.raises(ValueError, match="cannot step back"):
        Admission(8).advance(7)


@pytest.mark.parametrize(("position", "log_start", "expected"), [(5, 5, None), (5, 3, None), (5, 9, 9)])
def test_retention_moves_the_position_only_forward(position: int, log_start: int, expected: int | None) -> None:
    """Only a log that begins after the position makes the worker skip to its beginning."""
    assert skip_to(position, log_start) == expected
