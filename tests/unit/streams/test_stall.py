"""When a worker counts as stalled."""

from __future__ import annotations

from streams.stall import StallPolicy, StallState


def state() -> StallState:
    """A worker that was seen to do something at time 0."""
    return StallState(StallPolicy(patience_s=10), since=0.0)


def test_standing_still_with_work_waiting_is_a_stall() -> None:
    """After its patience the watchdog says for how long."""
    watched = state()

    assert watched.observe(9, steps=0, waiting=True) is None
    assert watched.observe(11, steps=0, waiting=True) == 11


def test_a_step_forward_starts_the_wait_anew() -> None:
    """A slow worker is not a stalled one."""
    watched = state()
    watched.observe(9, steps=1, waiting=True)

    assert watched.observe(18, steps=1, waiting=True) is None
    assert watched.observe(20, steps=1, waiting=True) == 11


def test_without_work_there_is_no_stall() -> None:
    """An idle night does not count against the first record of the morning."""
    watched = state()
    watched.observe(1_000, steps=0, waiting=False)

    assert watched.observe(1_001, steps=0, waiting=True) is None
