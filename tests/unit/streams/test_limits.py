"""When a worker stops instead of writing dead letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.dead_letters import DeadLetter
from streams.limits import Limits, LimitsState, TooManyDeadLettersError, Trial, trials
from tests.unit.streams.records import record

LIMITS = Limits(run=10, ratio=0.5, least=20, window=100, keys=4)
GOOD = Trial(0, failed=False)


def bad(*keys: int) -> list[Trial]:
    """A record that fails, of each of these students."""
    return [Trial(key, failed=True) for key in keys]


def test_a_run_of_failures_of_many_students_stops() -> None:
    """So many in a row are our fault, not the records'."""
    state = LimitsState().after(bad(*range(1, 11)), LIMITS)

    with pytest.raises(TooManyDeadLettersError, match="11 records in a row, of 10 students"):
        state.after(bad(1), LIMITS)


@given(st.lists(st.booleans(), max_size=2_000))
def test_one_student_stops_nothing_however_much_fails(others: list[bool]) -> None:
    """Whatever one student sends, alone or among others whose records are good."""
    tried = [GOOD if good else Trial(7, failed=True) for good in others]

    LimitsState().after([*bad(*[7] * 1_000), *tried], LIMITS)


def test_a_large_share_of_failures_stops() -> None:
    """A good record now and then does not hide that most fail."""
    with pytest.raises(TooManyDeadLettersError, match="of the last"):
        LimitsState().after([*bad(1, 2), GOOD, *bad(3, 4), GOOD] * 30, LIMITS)


def test_a_large_share_of_few_students_does_not_stop() -> None:
    """Three students whose records always fail are three students."""
    LimitsState().after([*bad(1, 2, 3), GOOD] * 300, LIMITS)


def test_scattered_failures_do_not_stop() -> None:
    """One poison record in ten is dead-lettered for as long as it takes, whoever sends it."""
    tried = [one for key in range(500) for one in (*bad(key), *[GOOD] * 9)]

    state = LimitsState().after(tried, LIMITS)

    assert state.run == 0
    assert state.seen < LIMITS.window


def test_partitions_of_few_students_are_counted_together() -> None:
    """A course with one student in each partition shows a bad release as well as a crowd does."""
    elsewhere = [LimitsState().after(bad(key, key, key), LIMITS) for key in range(3)]

    with pytest.raises(TooManyDeadLettersError, match="11 records in a row, of 4 students"):
        LimitsState().after(bad(9, 9), LIMITS, elsewhere)
    LimitsState().after(bad(9, 9), LIMITS, elsewhere[:2])


@given(
    st.lists(st.builds(Trial, st.integers(0, 40), st.booleans()), max_size=300),
    st.integers(0, 300),
)
def test_chunks_do_not_change_the_count(tried: list[Trial], cut: int) -> None:
    """The same records give the same state and the same stop, wherever the chunks end."""

    def run(parts: list[list[Trial]]) -> LimitsState | str:
        state = LimitsState()
        try:
            for part in parts:
                state = state.after(part, LIMITS)
        except TooManyDeadLettersError as error:
            return str(error)
        return state

    assert run([tried]) == run([tried[:cut], tried[cut:]])


def test_what_fails_by_its_own_data_says_nothing() -> None:
    """It is neither a failure nor a success of the release; what nobody foresaw, and our own headers, are."""
    records = [record(offset, key=b"%d" % offset) for offset in range(6)]
    stages = ("decode", "size", "command", "process", "headers")
    dead = [DeadLetter(one, stage, "") for one, stage in zip(records, stages, strict=False)]

    assert [one.failed for one in trials(records, dead)] == [True, True, False]
