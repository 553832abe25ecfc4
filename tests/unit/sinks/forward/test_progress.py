"""How far a partition is settled, and what of that outlives a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.wire.formats import NewerFormatError
from sinks.forward.progress import Progress
from tests.support.examples import examples

if TYPE_CHECKING:
    from collections.abc import Sequence


def again(progress: Progress, begin: int = 0) -> Progress:
    """What the next owner of the partition reads of what was committed."""
    return Progress.read("topic", progress.start, progress.metadata(), begin)


def test_the_offset_is_that_of_the_first_that_is_open() -> None:
    """However many behind it are settled."""
    progress = Progress("topic", 5)
    assert progress.start == 5
    for offset in (5, 6, 8):
        assert progress.begin(offset, offset * 10)
    progress.end(6)
    progress.end(8)
    assert (progress.start, progress.oldest, len(progress)) == (5, 50, 1)
    progress.end(5)
    assert (progress.start, progress.oldest) == (9, None)
    progress.passed(12)
    assert progress.start == 12


def test_what_is_settled_behind_a_refusal_does_not_wait_for_the_next_owner() -> None:
    """Before it has read anything, on the way, and once all is read: what is open, and what nobody has read."""
    progress = Progress("topic", 0)
    for offset in range(6):
        progress.begin(offset, 0)
    for offset in (1, 2, 4, 5):
        progress.end(offset)
    assert progress.unsettled(6) == 2
    assert progress.unsettled(9) == 5

    after = again(progress)
    found = [after.unsettled(9)]
    for offset in range(9):
        after.begin(offset, 0)
        found.append(after.unsettled(9))
    assert found == [5] * 10
    after.end(3)
    assert after.unsettled(9) == 4
    assert after.unsettled(0) == 4


def test_whoever_comes_next_tells_only_what_was_open() -> None:
    """What had been settled behind it is not told again."""
    progress = Progress("topic", 0)
    for offset in range(6):
        progress.begin(offset, 0)
    for offset in (0, 2, 4):
        progress.end(offset)

    assert [offset for offset in range(1, 9) if again(progress).begin(offset, 0)] == [1, 3, 5, 6, 7, 8]


def test_nothing_committed_begins_where_it_is_told_to() -> None:
    """So does what was committed of a topic that was deleted and made again."""
    assert Progress.read("topic", -1, "", 7).start == 7
    assert Progress.read("topic", 30, "1;another;3;0", 7).start == 7
    assert Progress.read("topic", 30, "", 7).start == 30


def test_what_a_newer_release_committed_is_left_alone() -> None:
    """It may mean something else."""
    with pytest.raises(NewerFormatError):
        Progress.read("topic", 30, "2;topic;whatever", 0)


def test_metadata_stay_within_what_kafka_takes() -> None:
    """Of more than there is room for the rest is told again, and nothing is left out."""
    progress = Progress("topic", 0)
    for offset in range(20_000):
        progress.begin(offset, 0)
    for offset in range(1, 20_000, 2):
        progress.end(offset)

    assert len(progress.metadata()) < 4_000
    after = again(progress)
    told = {offset for offset in range(20_000) if after.begin(offset, 0)}
    assert set(range(0, 20_000, 2)) <= told
    assert 1 not in told


@given(st.lists(st.tuples(st.sampled_from(["begin", "end", "crash"]), st.integers(0, 10)), max_size=60))
@settings(max_examples=examples(200))
def test_whatever_crashes_when_everything_is_told(steps: Sequence[tuple[str, int]]) -> None:
    """What is before the committed offset has been settled, and so has what a new owner leaves out."""
    progress, settled, next_offset, is_open = Progress("topic", 0), set[int](), 0, list[int]()
    for step, number in steps:
        if step == "begin":
            if progress.begin(next_offset, 0):
                is_open.append(next_offset)
            else:
                assert next_offset in settled
            next_offset += 1
        elif step == "end" and is_open:
            done = is_open.pop(number % len(is_open))
            progress.end(done)
            settled.add(done)
        elif step == "crash":
            assert set(range(progress.start)) <= settled
            next_offset, is_open = progress.start, []
            progress = again(progress)
    assert set(range(progress.start)) <= settled
