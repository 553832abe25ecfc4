"""Whose turn it is: students in any order, each student's messages in theirs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.wire.forwarding import Message
from sinks.forward.lines import Lines, Pending
from tests.support.examples import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE = TopicPartition("learnpack.completions", 0)


def pending(offset: int, student: str) -> Pending:
    """A message of a student, from an offset."""
    return Pending(SOURCE, SimpleNamespace(offset=offset), Message(f"{student}-{offset}", student, b"{}"))


def lines(*students: str) -> Lines:
    """A message of each of these, in this order."""
    made = Lines()
    for offset, student in enumerate(students):
        made.add(pending(offset, student), 0)
    return made


def turn(of: Lines, now: float = 0) -> str | None:
    """Whose turn it is."""
    found = of.take(now)
    return None if found is None else found.message.id


def test_one_message_of_a_student_is_under_way_at_a_time() -> None:
    """The others of it wait, those of others do not."""
    waiting = lines("a", "a", "b")

    assert [turn(waiting) for _ in range(3)] == ["a-0", "b-2", None]


def test_the_next_of_a_student_comes_when_the_one_before_is_settled() -> None:
    """And not before."""
    waiting = lines("a", "a")
    first = waiting.take(0)
    assert first is not None
    assert turn(waiting) is None

    waiting.settled(first, 5)

    assert turn(waiting, 5) == "a-1"
    assert len(waiting) == 1


def test_a_message_that_failed_holds_up_its_student_alone() -> None:
    """Until its pause is over; then it comes first again."""
    waiting = lines("a", "a", "b")
    first = waiting.take(0)
    assert first is not None
    waiting.again(first, 60)

    assert turn(waiting, 1) == "b-2"
    assert turn(waiting, 59) is None
    assert waiting.next_at() == 60
    assert turn(waiting, 60) == "a-0"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=30))
@settings(max_examples=examples(100))
def test_whatever_fails_order_is_kept_and_nothing_is_lost(sent: Sequence[tuple[str, int]]) -> None:
    """Each message fails so many times; every student's are settled in the order in which they came."""
    waiting, failures = Lines(), {}
    for offset, (student, times) in enumerate(sent):
        waiting.add(pending(offset, student), 0)
        failures[offset] = times
    settled: list[tuple[str, int]] = []
    now = 0.0
    while len(waiting):
        now += 1
        under_way = []
        while (one := waiting.take(now)) is not None:
            under_way.append(one)
        for one in under_way:
            if failures[one.record.offset]:
                failures[one.record.offset] -= 1
                waiting.again(one, now + 2)
            else:
                settled.append((one.message.student, one.record.offset))
                waiting.settled(one, now)

    assert sorted(offset for _, offset in settled) == list(range(len(sent)))
    for student in "abc":
        of_it = [offset for who, offset in settled if who == student]
        assert of_it == sorted(of_it)


def test_who_is_hurried_has_the_turn_at_once() -> None:
    """In the order in which their turns would have come, and before who comes later."""
    waiting = lines("a", "b", "c")
    for at in (900, 60, 300):
        found = waiting.take(0)
        assert found is not None
        waiting.again(found, at)
    assert waiting.next_at() == 60

    waiting.hurry(1)
    waiting.add(pending(9, "d"), 1)

    assert [turn(waiting, 1) for _ in range(5)] == ["b-1", "c-2", "a-0", "d-9", None]
