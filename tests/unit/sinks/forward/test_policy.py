"""What answers mean, and how patient a forwarder is."""

from __future__ import annotations

import pytest

from schemas.wire.forwarding import Pause
from sinks.forward.gate import Gate
from sinks.forward.policy import Answer, Policy, Verdict, verdict_of

POLICY = Policy(give_up=72 * 3600.0)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.TAKEN),
        (204, Verdict.TAKEN),
        (302, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (401, Verdict.REFUSED),
        (410, Verdict.GONE),
        (429, Verdict.AWAY),
        (500, Verdict.REFUSED),
        (503, Verdict.AWAY),
        (None, Verdict.AWAY),
    ],
)
def test_an_answer_says_whom_it_is_about(status: int | None, verdict: Verdict) -> None:
    """The message, the receiver as a whole, or all that will ever come."""
    assert verdict_of(Answer(status)) is verdict


def test_pauses_double_up_to_the_longest() -> None:
    """Each is spread over the upper half, and thousands of failures are no error."""
    assert [POLICY.pause(number, 1.0) for number in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert [POLICY.pause(number, 0.0) for number in (1, 2, 3, 4)] == [0.5, 1, 2, 4]
    assert POLICY.pause(5_000, 1.0) == 900
    assert POLICY.rest(5_000, 1.0) == 60


def test_what_the_receiver_asks_for_is_the_least() -> None:
    """A Retry-After is waited for, though not for days."""
    assert POLICY.pause(1, 0.0, 120) == 120
    assert POLICY.rest(1, 0.0, 120) == 120
    assert POLICY.pause(1, 0.0, 0) == 0.5
    assert POLICY.turn(1, 0.0, 10_000_000) == POLICY.pause(1, 0.0, 10_000_000) == 6 * 3600


def test_what_one_answer_asks_for_holds_up_others_for_minutes() -> None:
    """It may be about one student alone: after five minutes one of the others asks."""
    gate = Gate(POLICY, known=True)
    assert gate.is_away(100, 1.0, 20_000) == 400
    assert gate.wait(401) == 0


def test_who_resumes_has_it_tried_at_once() -> None:
    """Whatever the receiver had asked for, and though nothing was paused; one post asks first."""
    gate = Gate(POLICY, known=True)
    gate.is_away(100, 1.0, 20_000)
    assert gate.put(None, 101) is None
    assert (gate.wait(101), gate.resumes, gate.resumed_at) == (0, 1, 0)
    gate.under_way = 1
    assert gate.wait(101) is None


def test_a_message_is_given_up_when_it_is_old_and_was_tried_for_a_while() -> None:
    """What waited for a forwarder that did not run for a week is tried for an hour all the same."""
    day = 86_400.0

    assert not POLICY.gives_up(age=2 * day, tried=2 * day)
    assert POLICY.gives_up(age=3 * day, tried=3 * day)
    assert not POLICY.gives_up(age=7 * day, tried=60)
    assert POLICY.gives_up(age=7 * day, tried=3600)


def test_nothing_is_posted_before_it_is_known_whether_anything_may_be() -> None:
    """The gate of a forwarder that starts is closed."""
    gate = Gate(POLICY)
    assert gate.wait(0) is None
    gate.known = True
    assert gate.wait(0) == 0


def test_a_receiver_that_is_away_is_asked_by_one() -> None:
    """After a rest one post asks whether it is back; the others wait for what it hears."""
    gate = Gate(POLICY, known=True, under_way=3)
    assert gate.is_away(100, 1.0, None) == 101
    assert gate.is_away(100.5, 1.0, None) == 101.5
    assert gate.away_since == 100
    gate.under_way = 0
    assert gate.wait(100.5) == 1
    assert gate.wait(102) == 0
    gate.under_way = 1
    assert gate.wait(102) is None
    assert gate.is_away(102, 1.0, None) == 104
    gate.under_way = 0
    assert gate.is_there(103) == 100
    assert gate.wait(102) == 0
    assert gate.is_there(104) is None


def test_what_began_before_a_failure_ends_no_rest() -> None:
    """The receiver had asked for it since."""
    gate = Gate(POLICY, known=True)
    assert gate.is_away(100, 1.0, 60) == 160
    assert gate.is_there(99) is None
    assert (gate.away_since, gate.wait(101)) == (100, 59)
    assert gate.is_there(161) == 100
    assert gate.wait(161) == 0


def test_what_came_before_a_pause_ended_was_no_try() -> None:
    """Else the first failure after a long one would give a message up."""
    gate, pause = Gate(POLICY), Pause(reason="mending", at=1)
    assert gate.put(None, 5) is None
    assert gate.put(pause, 6) is None
    assert (gate.wait(7), gate.resumed_at) == (None, 0)
    assert gate.put(None, 8) is pause
    assert (gate.wait(8), gate.resumed_at) == (0, 8)
    assert (gate.tried(5, 10), gate.tried(9, 10)) == (2, 1)
