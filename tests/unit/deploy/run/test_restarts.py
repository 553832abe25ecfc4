"""When a part that has ended starts again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deploy.run.restarts import RestartPolicy

POLICY = RestartPolicy(first_delay=0.5, factor=2, longest_delay=10, healthy_seconds=30, alarm_after=3)


def test_each_quick_end_doubles_the_delay_up_to_the_longest() -> None:
    """Ends in a row wait 0.5, 1, 2, 4, 8 and then 10 s."""
    delays = []
    in_a_row = 0
    for _ in range(7):
        restart = POLICY.decide(in_a_row, lived=1)
        in_a_row = restart.in_a_row
        delays.append(restart.delay)

    assert delays == [0.5, 1, 2, 4, 8, 10, 10]


def test_a_healthy_run_starts_the_count_again() -> None:
    """A part that ran for the healthy period and then ends is restarted as after its first end."""
    restart = POLICY.decide(in_a_row=6, lived=30)

    assert (restart.in_a_row, restart.delay, restart.alarming) == (1, 0.5, False)


def test_the_third_end_in_a_row_is_alarming() -> None:
    """Only the ends from `alarm_after` on are alarming."""
    assert [POLICY.decide(before, lived=0).alarming for before in range(4)] == [False, False, True, True]


@given(st.integers(0, 10**9), st.floats(0, 10**6))
def test_the_delay_is_always_between_the_first_and_the_longest(in_a_row: int, lived: float) -> None:
    """However often a part has ended, it is started again in bounded time."""
    assert POLICY.first_delay <= POLICY.decide(in_a_row, lived).delay <= POLICY.longest_delay
