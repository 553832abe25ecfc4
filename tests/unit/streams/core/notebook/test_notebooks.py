"""Notebooks in the core: each event once, scores like a tutorial's, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from streams.core.notebook import state as states
from streams.core.policy import Policy
from tests.support.core import MORNING, Core, live_rows
from tests.support.notebooks import Notebook, request_of, send, session

if TYPE_CHECKING:
    import pytest


def test_every_event_is_one_fact() -> None:
    """A batch gives as many facts as it has events, in their order, and one outcome."""
    core, notebook = Core(), session()

    assert send(core, *notebook.events) == ("DONE", "OK")
    assert core.events() == [
        ("start", ""),
        ("cell", "setup"),
        ("cell", "ex_1"),
        ("test", "ex_1"),
        ("test", "ex_1"),
        ("test", "ex_1"),
        ("test", "ex_1"),
        ("test", "ex_2"),
        ("hint", ""),
    ]
    (outcome,) = core.outcomes
    assert (outcome["event"], outcome["verdict"], outcome["source"], outcome["package_slug"]) == (
        "batch",
        "stored",
        "posthog",
        "D3_Datetimes",
    )
    assert core.completions == []


def test_a_resent_batch_adds_nothing() -> None:
    """Whole, in part, or with another `sent_at`: it is a duplicate, and not even the rows are written again."""
    core, notebook = Core(), session()
    send(core, *notebook.events)
    told, scored = len(core.facts), len(core.scores)

    repeated = ("IGNORED", "Ignored because all of its events have been received before.")
    assert send(core, *notebook.events) == repeated
    assert send(core, *notebook.events[3:5]) == repeated
    assert core.verdict(request_of(*notebook.events, sent_at=MORNING), source="posthog") == repeated
    assert core.outcomes[-1]["verdict"] == "duplicate"
    assert (len(core.facts), len(core.scores)) == (told, scored)


def test_what_is_new_in_a_resent_batch_is_taken() -> None:
    """A client that goes on while it retries sends old and new events together."""
    core, notebook = Core(), session()
    send(core, *notebook.events[:4])

    assert send(core, *notebook.events) == ("DONE", "OK")
    assert len(core.facts) == len(notebook.events)


def test_a_spooled_record_counts_once() -> None:
    """The receipt tells a second copy of one record."""
    core = Core()
    event = Notebook().start()
    send(core, event, receipt="r1")

    assert send(core, event, receipt="r1") == ("IGNORED", "Ignored because it repeats webhook 0.")


def test_clients_without_uuids_resend_the_same_event() -> None:
    """An old client's event is known by all that it says; the same at another time is another."""
    core, notebook = Core(), session()
    for event in notebook.events:
        del event["uuid"]
    send(core, *notebook.events)

    assert send(core, *orjson.loads(orjson.dumps(notebook.events)))[0] == "IGNORED"
    assert len(core.facts) == len(notebook.events)
    again = notebook.start()
    del again["uuid"]
    assert send(core, again) == ("DONE", "OK")


def test_older_events_than_are_remembered_replace_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the memory a repetition is told again under the same identity, so there is still one row."""
    monkeypatch.setattr(states, "SEEN", 4)
    core, notebook = Core(), session()
    send(core, *notebook.events)

    assert send(core, notebook.events[0]) == ("DONE", "OK")
    assert len(core.facts) == len(notebook.events) + 1
    assert len(live_rows(core.facts, ("item_id",))) == len(notebook.events)


def test_the_scores_are_those_of_exercises() -> None:
    """Completion is passed over seen; struggles are the failures before the first pass; a session is a session."""
    core, notebook = Core(), session()
    notebook.session = "other"
    notebook.start()
    send(core, *notebook.events)
    row = core.score()
    result = row["metrics"]

    assert (row["actor"], row["user_id"], row["asset_slug"]) == ("JOHN-DOE", None, "D3_Datetimes")
    assert row["completion_rate"] == 50.0
    assert [step["slug"] for step in result["steps"]] == ["ex_1", "ex_2"]
    first, second = (step["metrics"] for step in result["steps"])
    # From the cell at second 3 to the pass at second 6.
    assert first == {"status": "completed", "time_spent": 3.0, "comp_struggles": 0, "test_struggles": 2}
    assert (second["status"], second["test_struggles"]) == ("attempted", 1)
    assert result["global"]["metrics"]["num_sessions"] == 2
    assert result["global"]["metrics"]["total_interactions"] == 5
    assert row["total_time_seconds"] == 9.0
    assert row["metrics_algo_version"] is not None
    assert (row["overlay"], row["finished_at"]) == (None, None)


def test_a_strict_directory_needs_not_know_a_notebook() -> None:
    """Notebooks are no assets of the LMS: they have facts and scores all the same, with the id where there is one."""
    core = Core(policy=Policy(strict=True))
    send(core, *session().events)
    assert core.score()["completion_rate"] == 50.0
    assert core.facts[0]["asset_id"] is None

    core.refer("assets", 77, {"id": 77, "slug": "D3_Datetimes"})
    send(core, Notebook().start())
    assert core.facts[-1]["asset_id"] == 77


def test_an_event_of_no_notebook_is_a_fact_without_scores() -> None:
    """`$identify` and the like name no notebook."""
    core = Core()
    event = {"event": "$identify", "distinct_id": "J", "uuid": "u1"}

    assert send(core, event) == ("DONE", "OK")
    assert send(core, event)[0] == "IGNORED"
    assert (core.events(), core.scores) == ([("$identify", "")], [])


def test_a_retried_or_copied_record_keeps_its_webhook() -> None:
    """Dead letters that are sent again, and copies of the log, are the webhooks that they were."""
    core, notebook = Core(), Notebook()
    send(core, Notebook("JANE").start())
    record = core.record(request_of(notebook.start()), source="posthog", retry_of=77)
    core.run([record])
    core.run([core.record(request_of(notebook.start()), source="posthog", id=99)])

    assert [row["id"] for row in core.outcomes] == [0, 77, 99]
    assert [row["webhook_id"] for row in core.facts] == [0, 77, 99]
    assert core.facts[1]["version"] == 1


def test_what_cannot_be_taken_is_named() -> None:
    """A batch with nothing to take is an error, one with something says what it lacks."""
    core = Core()
    good = Notebook().start()

    assert send(core, {"event": "a"}) == ("ERROR", "The events name no distinct id, so they are nobody's")
    assert send(core, {"distinct_id": "J"}) == ("ERROR", "No event could be taken: it has no event name")
    assert send(core, good, {"distinct_id": "JOHN-DOE"}) == (
        "DONE",
        "OK, but 1 of its events could not be taken: it has no event name",
    )
    assert send(core, good, {**good, "distinct_id": "JANE"})[1] == "No event could be taken: it has another distinct id"
    assert [row["verdict"] for row in core.outcomes] == ["error", "error", "stored", "error"]


def test_an_academys_rules_hold_for_notebooks() -> None:
    """Rules name notebooks by slug and events by name; what they leave of a batch is stored."""
    core = Core()
    core.refer("ignore-rules", 1, {"rules": [{"package_slugs": ["secret"]}], "events": ["cell"]})
    hidden, notebook = Notebook(name="secret"), Notebook()
    text = "Ignored by academy learnpack_features.telemetry_webhook_ignore"

    assert send(core, hidden.start(), academy=1) == ("IGNORED", f"{text} rule (package_slugs).")
    assert send(core, notebook.cell("a"), academy=1) == ("IGNORED", f"{text} (events).")
    assert send(core, notebook.cell("b"), notebook.start(), academy=1) == ("DONE", "OK")
    assert core.events() == [("start", "")]


def test_learnpack_and_notebook_of_one_name_keep_the_document() -> None:
    """A notebook called like a tutorial moves no score of the tutorial's document."""
    core = Core()
    document = {
        "user_id": 42,
        "slug": "loops",
        "steps": [{"slug": "01", "opened_at": MORNING, "completed_at": MORNING}],
    }
    core.send({**document, "telemetry_id": "t", "tutorial_started_at": MORNING, "last_interaction_at": MORNING})
    send(core, Notebook("42", "loops").test("ex", ok=False))

    assert [step["slug"] for step in core.score()["metrics"]["steps"]] == ["01"]
    assert ("test", "ex") in core.events()
