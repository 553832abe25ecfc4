"""Batches and streamed events, in any order, come to one state and one set of facts."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.overlaid import Overlaid
from tests.support.client import Client
from tests.support.core import MORNING, Core, Posted, deliver, live_facts, state_of
from tests.support.examples import examples

_DAY = 86_400_000


def meaning(core: Core) -> tuple[Any, ...]:
    """What a state says, without what the order of arrival leaves in it."""
    state = state_of(core)
    view = Overlaid(state.document, state.overlay).document
    seen = {
        key: (
            seen.opened,
            bool(seen.completed),
            sorted(seen.compilations),
            sorted(seen.tests),
            sorted(seen.interactions),
            sorted(seen.quizzes),
        )
        for key, seen in state.seen.items()
    }
    overlay = sorted((item.event, item.slug, item.at) for item in state.overlay)
    return msgspec.to_builtins(view), overlay, seen, state.mark


@st.composite
def sessions(draw: st.DrawFn) -> Posted:
    """What a client posts while a student goes through a tutorial; it ends with a batch that holds everything."""
    testable = draw(st.lists(st.booleans(), min_size=2, max_size=5))
    client = Client(testable, MORNING)
    client.document["last_interaction_at"] = MORNING
    client.batch()
    for place in range(draw(st.integers(1, len(testable)))):
        client.open(place)
        for event in draw(st.lists(st.sampled_from(["compile", "test", "ask"]), max_size=4)):
            if event == "ask":
                client.ask(place)
            else:
                client.attempt(place, event, draw(st.sampled_from([0, 1, None])))
    client.clock += 1_000
    client.batch()
    return client.posted


@given(posted=sessions(), data=st.data())
@settings(max_examples=examples(100), deadline=None)
def test_order_repetition_and_delay_change_nothing(posted: Posted, data: st.DataObject) -> None:
    """Any permutation, with repeats long after, ends in the same state and the same facts."""
    expected = deliver(posted)
    repeats = data.draw(st.lists(st.sampled_from(posted), max_size=4))
    shuffled = data.draw(st.permutations([*posted, *repeats]))
    # An hour apart, so that the redelivery window catches no repeat.
    other = deliver([(MORNING + _DAY + place * 3_600_000, payload) for place, (_, payload) in enumerate(shuffled)])

    assert meaning(other) == meaning(expected)
    assert live_facts(other.facts) == live_facts(expected.facts)


@given(posted=sessions())
@settings(max_examples=examples(80), deadline=None)
def test_batch_only_stream_only_and_both_tell_the_same_attempts(posted: Posted) -> None:
    """Every compilation, test, question and opening is a fact, whichever way it came."""

    def told(core: Core) -> set[tuple[Any, ...]]:
        return {fact for fact in live_facts(core.facts) if fact[0] != "complete_step"}

    first, *rest = posted
    both = deliver(posted)
    batches = deliver([entry for entry in posted if "event" not in entry[1]])
    # One batch names the tutorial; an empty one is what a client posts at its start.
    streamed = deliver([first, *(entry for entry in rest if "event" in entry[1])])

    assert told(batches) == told(both)
    assert told(streamed) == told(both)
    assert live_facts(batches.facts) == live_facts(both.facts)
    assert live_facts(streamed.facts) == live_facts(both.facts)


@given(posted=sessions(), size=st.integers(1, 12))
@settings(max_examples=examples(50), deadline=None)
def test_chunks_of_any_size_give_the_same_rows(posted: Posted, size: int) -> None:
    """Facts, outcomes, documents, tables and the last scores of each day do not depend on where chunks end."""
    posted = [(at + place * 7_200_000, payload) for place, (at, payload) in enumerate(posted)]

    def process(size: int) -> Core:
        core = Core()
        core.run([core.record(payload, at=at) for at, payload in posted], size)
        return core

    one, many = process(1), process(size)

    def last_of_day(core: Core) -> dict[Any, Any]:
        return {(row["actor"], row["asset_slug"], row["updated_at"][:10]): row for row in core.scores}

    assert many.table == one.table
    assert many.facts == one.facts
    assert many.outcomes == one.outcomes
    assert many.telemetry == one.telemetry
    assert last_of_day(many) == last_of_day(one)


@given(
    items=st.lists(
        st.tuples(
            st.sampled_from(["open_step", "compile", "test", "ai_interaction"]),
            st.integers(0, 3),
            st.integers(0, 40),
            st.sampled_from([0, 1]),
        ),
        max_size=40,
    ),
    size=st.integers(2, 40),
)
@settings(max_examples=examples(60), deadline=None)
def test_late_items_of_a_stream_give_the_same_state_in_chunks_of_any_size(
    items: list[tuple[str, int, int, int]], size: int
) -> None:
    """A view that is kept, one that grows and one that is laid anew are the same."""

    def process(size: int) -> Core:
        core = Core()
        records = []
        for place, (event, step, start, code) in enumerate(items):
            data = {} if event == "open_step" else {"started_at": MORNING + start * 1000, "exit_code": code}
            payload = {"slug": f"{step:02}", "telemetry_id": "t1", "user_id": 7, "event": event, "data": data}
            payload |= {"package_slug": "lists", "step_position": step}
            records.append(core.record(payload, at=MORNING + place * 3_000))
        core.run(records, size)
        return core

    one, many = process(1), process(size)
    assert many.facts == one.facts
    assert many.table == one.table
    assert many.scores[-1:] == one.scores[-1:]


@given(posted=sessions())
@settings(max_examples=examples(50), deadline=None)
def test_no_fact_is_told_twice(posted: Posted) -> None:
    """In the order in which a client posts, every row of the facts is a new item."""
    facts = deliver(posted).facts
    ids = [fact["item_id"] for fact in facts]

    assert len(ids) == len(set(ids))
    assert not any(fact["deleted"] for fact in facts)
