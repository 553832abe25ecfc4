"""Which batch is the document: neither a stale one, nor a blank one, nor one without steps takes anything away."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.support.client import Client
from tests.support.core import MORNING, Core, state_of

_DAY = 86_400_000


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
