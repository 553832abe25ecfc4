"""What a streamed item does: to its step, to its tutorial, and to the overlay that scores tell."""

from __future__ import annotations

from typing import Any

from schemas.times import sql_time
from streams.core.scores import MOST_ITEMS
from tests.support.client import Client
from tests.support.core import MORNING, Core, deliver, live_facts

_DAY = 86_400_000


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
