"""Batches and streamed events, in any order, come to one state and one set of facts."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.times import sql_time
from streams.core.overlaid import Overlaid
from streams.core.scores import MOST_ITEMS
from streams.core.state import State
from streams.core.store import state_key
from tests.support.client import Client
from tests.support.core import MORNING, Core, live_facts
from tests.support.examples import examples

_DAY = 86_400_000

# What a client posted: (milliseconds, payload).
Posted = list[tuple[int, dict[str, Any]]]


def state_of(core: Core, actor: str = "7", slug: str = "lists") -> State:
    """The stored state of a student in a tutorial."""
    return msgspec.msgpack.decode(core.table[state_key(actor, slug)], type=State)


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


def deliver(posted: Posted) -> Core:
    """A core that has processed what was posted."""
    core = Core()
    for at, payload in posted:
        core.send(payload, at=at)
    return core


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


def test_an_event_before_its_batch_moves_to_the_asset() -> None:
    """It is told without an asset at first; the batch of its telemetry_id takes that back and tells it anew."""
    client = Client([True], MORNING)
    client.attempt(0, "compile", 0)
    core = deliver(client.posted)
    assert [(fact["asset_slug"], fact["event"]) for fact in core.facts] == [("", "compile")]
    assert core.outcomes[-1]["status_text"] == "OK"

    client.batch()
    core.send(client.posted[-1][1])
    told = {(fact[2], fact[0]) for fact in live_facts(core.facts)}
    assert told == {("lists", "start_tutorial"), ("lists", "start_session"), ("lists", "compile")}
    assert [fact["asset_slug"] for fact in core.facts if fact["deleted"]] == [""]


def test_a_streamed_test_completes_its_step_and_a_batch_may_take_that_back() -> None:
    """The document is the authority: a completion that only followed from events is told until a batch denies it."""
    core = Core()
    client = Client([True, False], MORNING)
    client.open(0)
    client.attempt(0, "test", 0)
    for at, payload in client.posted:
        core.send(payload, at=at)
    assert ("complete_step", "00") in core.events()

    del client.document["steps"][0]["completed_at"]
    client.clock += 1000
    client.document["last_interaction_at"] = client.clock
    client.batch()
    core.send(client.posted[-1][1], at=client.clock)
    assert ("complete_step", "00") not in core.events()


def test_an_opened_step_completes_the_one_before_it() -> None:
    """Unless that has tests; by the streamed events alone."""
    client = Client([False, True, False], MORNING)
    client.batch()
    for place in range(3):
        client.open(place)
    core = deliver(client.posted[:1] + [entry for entry in client.posted if "event" in entry[1]])

    assert [step for event, step in core.events() if event == "complete_step"] == ["00"]


def test_a_pending_quiz_keeps_a_test_from_completing_its_step() -> None:
    """Until the quiz is passed."""
    core = Core()
    document = Client([True], MORNING).document
    elements = [{"type": "quiz", "hash": "q"}, {"type": "test", "hash": "x"}]
    document["steps"][0] |= {"opened_at": MORNING, "testeable_elements": elements}
    core.send(document)

    def event(name: str, start: int, **data: Any) -> None:
        data |= {"started_at": MORNING + start, "ended_at": MORNING + start + 10}
        core.send({"slug": "00", "telemetry_id": "t1", "user_id": 7, "step_position": 0, "event": name, "data": data})

    event("test", 1_000, exit_code=0)
    assert ("complete_step", "00") not in core.events()
    event("quiz_submission", 2_000, status="SUCCESS", quiz_hash="q", percentage=100, selections=[])
    event("test", 3_000, exit_code=0)
    assert ("complete_step", "00") in core.events()


def test_a_stale_batch_is_ignored_unless_it_tells_something_new() -> None:
    """The document stays, new items are told."""
    client = Client([True], MORNING)
    client.open(0)
    client.attempt(0, "compile", 1)
    client.batch()
    older = client.posted[-1][1]
    client.attempt(0, "compile", 0)
    client.batch()
    newer = client.posted[-1][1]
    core = Core()
    core.send(newer, at=client.clock)

    text = "Ignored because a more recent telemetry batch was obtained."
    assert core.verdict(older, at=client.clock + 1) == ("IGNORED", text)
    assert core.outcomes[-1]["verdict"] == "stale"
    older["steps"][0]["tests"].append({"starting_at": MORNING + 5, "exit_code": 1})
    assert core.verdict(older, at=client.clock + 2) == ("DONE", "OK")
    assert ("test", "00") in core.events()
    document = state_of(core).document
    assert document is not None
    assert document.steps[0].tests == []


def test_a_clock_of_the_future_shuts_out_no_later_batch() -> None:
    """A last_interaction_at more than five minutes after arrival does not raise the mark."""
    client = Client([True], MORNING)
    client.open(0)
    core = Core()
    wrong = {**client.document, "last_interaction_at": MORNING + _DAY}
    right = {**client.document, "last_interaction_at": MORNING + 1000, "agent": "x"}

    assert core.verdict(wrong, at=MORNING)[0] == "DONE"
    assert core.verdict(right, at=MORNING + 2000)[0] == "DONE"
    assert state_of(core).mark == (MORNING + 1000) * 1000


def test_another_telemetry_id_is_never_stale() -> None:
    """A student who starts anew replaces the document, whatever its clock says."""
    core = Core()
    core.send(Client([True], MORNING).document | {"last_interaction_at": MORNING + 5000})

    assert core.verdict(Client([True], MORNING, "t2").document | {"last_interaction_at": MORNING})[0] == "DONE"


def test_a_blank_batch_takes_no_progress_away() -> None:
    """A document with nothing opened, of a new run or of the same one, replaces none that has progress."""
    client = Client([False, True], MORNING)
    client.open(0)
    client.open(1)
    client.attempt(1, "test", 0)
    client.batch()
    core = Core()
    core.send(client.posted[-1][1], at=client.clock)
    document, score = state_of(core).document, core.score()
    assert score["completion_rate"] == 100

    for run in ("t2", "t1"):
        blank = Client([False, True], client.clock + 60_000, run).document
        blank["last_interaction_at"] = client.clock + 60_000
        assert core.verdict(blank, at=client.clock + 60_000) == ("DONE", "OK")
        assert core.score()["completion_rate"] == 100
        assert core.score()["metrics"] == score["metrics"]
        assert state_of(core).document == document
        assert core.telemetry[b"7:lists"][0] == orjson.dumps(client.posted[-1][1])


@pytest.mark.parametrize("nothing", [None, "", 0, False])
def test_a_time_of_nothing_is_no_progress(nothing: Any) -> None:
    """Steps with 0 or false for the time at which they were opened are as unread as without one."""
    core = Core()
    step = {"slug": "00", "position": 0, "opened_at": MORNING, "completed_at": MORNING + 1000}
    run = {"user_id": 7, "slug": "lists", "tutorial_started_at": MORNING, "workout_session": []}
    core.send({**run, "telemetry_id": "t1", "last_interaction_at": MORNING + 1000, "steps": [step]})
    blank = {**step, "opened_at": nothing, "completed_at": None}
    core.send({**run, "telemetry_id": "t2", "last_interaction_at": MORNING + 60_000, "steps": [blank]})

    assert core.score()["completion_rate"] == 100


def test_the_run_of_a_blank_batch_is_kept() -> None:
    """Its streamed events go to the tutorial, and its next batch with an opened step is the document."""
    core = Core()
    first, second = Client([False, False], MORNING), Client([False, False], MORNING + 600_000, "t2")
    first.open(0)
    first.open(1)
    core.send(first.document)
    core.send(second.document)
    second.attempt(0, "compile", 0)
    core.send(second.posted[-1][1])

    assert core.facts[-1]["event"] == "compile"
    assert core.facts[-1]["asset_slug"] == "lists"
    second.open(0)
    core.send(second.document)
    document = state_of(core).document
    assert document is not None
    assert document.telemetry_id == "t2"
    assert [step.opened is None for step in document.steps] == [False, True]


def test_a_blank_batch_takes_no_streamed_progress_away() -> None:
    """Nor does it shut out streamed items that come after it, whatever its clock says."""
    blank = Client([True], MORNING).document | {"last_interaction_at": MORNING + 60_000}
    client = Client([True], MORNING)
    client.open(0)
    client.attempt(0, "test", 0)
    start = Client([True], MORNING).document
    events = [payload for _, payload in client.posted if "event" in payload]
    for order in ([start, *events, blank], [start, blank, *events]):
        core = Core()
        for payload in order:
            core.send(payload, at=client.clock)
        assert core.score()["completion_rate"] == 100


def test_progress_that_comes_after_a_blank_batch_is_never_stale() -> None:
    """A blank document raised the mark; an older one that holds something is the document all the same."""
    client = Client([True], MORNING)
    client.open(0)
    client.attempt(0, "compile", 0)
    client.batch()
    core = Core()
    core.send(Client([True], MORNING).document | {"last_interaction_at": client.clock + 60_000})

    assert core.verdict(client.posted[-1][1]) == ("DONE", "OK")
    assert state_of(core).document.steps[0].compilations  # type: ignore[union-attr]


def test_a_batch_without_steps_is_merged_over_the_stored_one() -> None:
    """Its keys lie over the document, which keeps its steps; the next batch with steps clears them."""
    core = Core()
    client = Client([True], MORNING)
    client.open(0)
    core.send(client.document, at=MORNING + 60_000)
    bare = {"telemetry_id": "t1", "user_id": 7, "slug": "lists", "agent": "vscode"}
    bare["last_interaction_at"] = MORNING + 50_000
    core.send(bare, at=MORNING + 70_000)

    assert state_of(core).document.steps[0].opened is not None  # type: ignore[union-attr]
    assert core.score()["overlay"]["root"]["agent"] == "vscode"
    assert len(core.telemetry) == 1
    core.send(client.document | {"last_interaction_at": MORNING + 80_000}, at=MORNING + 90_000)
    assert core.score()["overlay"] is None


def test_the_overlay_holds_what_the_document_lacks() -> None:
    """Streamed items that start after last_interaction_at, by step, without texts."""
    client = Client([True, False], MORNING)
    client.open(0)
    client.attempt(0, "compile", 1)
    core = deliver(client.posted)
    overlay = core.score()["overlay"]

    start = client.document["steps"][0]["compilations"][0]["starting_at"]
    item = {"started_at": start, "ended_at": start + 2_000, "exit_code": 1}
    assert overlay["steps"] == [{"slug": "00", "position": 0, "compilations": [item]}]
    assert overlay["last_interaction_at"] == start + 2_000


def test_facts_carry_sizes_and_codes_but_no_texts() -> None:
    """Privacy: neither code nor output nor messages."""
    client = Client([True], MORNING)
    client.open(0)
    client.attempt(0, "compile", 1)
    client.ask(0)
    client.batch()
    core = deliver(client.posted)
    told = {fact["event"]: fact for fact in core.facts}

    assert (told["compile"]["code_bytes"], told["compile"]["output_bytes"]) == (8, 1)
    assert (told["compile"]["exit_code"], told["compile"]["succeeded"], told["compile"]["duration_ms"]) == (
        1,
        False,
        2000,
    )
    assert told["ai_interaction"]["properties"] == {"message_bytes": 4}
    assert "cHJpbnQoMSk" not in str(core.facts) + str(core.scores) + str(core.outcomes)
    assert "why?" not in str(core.facts) + str(core.scores) + str(core.outcomes)


def test_the_overlay_of_a_long_stream_does_not_depend_on_chunks() -> None:
    """A view that was kept with the state shows the same steps as one that grew in a chunk."""
    client = Client([True, True, False], MORNING)
    client.document["last_interaction_at"] = MORNING
    client.batch()
    for _ in range(25):
        client.attempt(1, "compile", 1)
    one, many = Core(), Core()
    for core, size in ((one, 1), (many, 1_000)):
        core.run([core.record(payload, at=at) for at, payload in client.posted], size)

    assert many.scores[-1] == one.scores[-1]
    assert [step["slug"] for step in one.scores[-1]["overlay"]["steps"]] == ["01"]


def test_a_stream_without_end_is_scored_whole_and_read_back_in_part() -> None:
    """A client that never sends a batch must not make a line that is too large to send."""
    client, core = Client([True, True], MORNING), Core()
    client.document["last_interaction_at"] = MORNING
    client.batch()
    client.open(0)
    for _ in range(MOST_ITEMS + 40):
        client.attempt(0, "compile", 1)
    core.run([core.record(payload, at=at) for at, payload in client.posted], 100)

    (step,) = core.score()["overlay"]["steps"]
    starts = [item["started_at"] for item in step["compilations"]]
    assert len(starts) == MOST_ITEMS
    assert starts == sorted(starts)
    measured = core.score()["metrics"]["steps"][0]
    assert measured["metrics"]["comp_struggles"] == MOST_ITEMS + 40
    last = [fact["occurred_at"] for fact in core.facts if fact["event"] == "compile"][-1]
    assert sql_time(starts[-1]) == last
