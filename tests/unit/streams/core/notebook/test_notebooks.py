"""Notebooks in the core: each event once, whatever came in which order, and scores like a tutorial's."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.wire.rows import EVENTS, SCORES, WEBHOOKS
from streams.core.errors import Undecodable
from streams.core.notebook import state as states
from streams.core.policy import Policy
from tests.support.core import MORNING, Core, live_rows
from tests.support.examples import examples
from tests.support.notebooks import Notebook, request_of
from tests.unit.streams.core.test_any_json import ANY_JSON

if TYPE_CHECKING:
    import pytest

_WHEN = ("webhook_id", "ordinal", "received_at", "version")


def send(core: Core, *events: dict[str, Any], **options: Any) -> tuple[str, str]:
    """Send one student's part of a request; status and text of its outcome."""
    return core.verdict(request_of(*events), source="posthog", **options)


def facts(core: Core) -> dict[str, Any]:
    """The facts in force by identity, without where they were first seen."""
    rows = live_rows(core.facts, ("item_id",))
    return {str(key): {name: row[name] for name in row if name not in _WHEN} for key, row in rows.items()}


def last_scores(core: Core) -> dict[str, Any]:
    """The last scores of each (student, notebook), without when they were computed."""
    rows = live_rows(core.scores, ("asset_slug", "actor"))
    return {
        str(key): {name: row[name] for name in row if name not in ("version", "updated_at")}
        for key, row in rows.items()
    }


def session() -> Notebook:
    """Two exercises, one passed at the third try, one not yet, and a cell that nobody tests."""
    notebook = Notebook()
    notebook.start()
    notebook.cell("setup")
    notebook.cell("ex_1")
    notebook.test("ex_1", ok=False, attempt=1)
    notebook.test("ex_1", ok=False, attempt=2)
    notebook.test("ex_1", ok=True, attempt=3)
    notebook.test("ex_1", ok=False, attempt=4)
    notebook.test("ex_2", ok=False, attempt=1)
    notebook.capture("hint", level=2)
    return notebook


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


@given(data=st.data())
@settings(max_examples=examples(40), deadline=None)
def test_any_order_grouping_and_repetition_gives_the_same_facts_and_scores(data: st.DataObject) -> None:
    """However the events of two students are grouped, ordered and repeated, facts and scores are the same."""
    first, second = session(), Notebook("JANE-DOE", now=MORNING + 500)
    second.test("ex_1", ok=True)
    second.cell("ex_1")
    expected = Core()
    send(expected, *first.events)
    send(expected, *second.events)

    core = Core()
    for notebook in data.draw(st.permutations([first, second])):
        repeated = data.draw(st.lists(st.sampled_from(notebook.events), max_size=6))
        events = data.draw(st.permutations([*notebook.events, *repeated]))
        while events:
            size = data.draw(st.integers(1, len(events)))
            send(core, *events[:size])
            events = events[size:]

    assert facts(core) == facts(expected)
    assert len(core.facts) == len(expected.facts)
    assert last_scores(core) == last_scores(expected)


@given(data=st.data(), strict=st.booleans())
@settings(max_examples=examples(60), deadline=None)
def test_nothing_in_a_request_makes_the_core_raise(data: st.DataObject, *, strict: bool) -> None:
    """Any JSON in any place ends with one outcome, and every row has its columns."""
    core = Core(policy=Policy(strict=strict, previews=data.draw(st.booleans())))
    core.refer("users", 7, {"id": 7, "academies": [1], "notebook_names": ["JOHN-DOE"]})
    core.refer("ignore-rules", 1, {"events": ["hint"], "package_slugs": ["x"]})
    events: list[Any] = session().events
    for event in events:
        for _ in range(data.draw(st.integers(0, 2))):
            holder = data.draw(st.sampled_from([event, event["properties"]]))
            if type(holder) is dict:
                name = data.draw(
                    st.sampled_from([*holder, "offset", "$distinct_id", "ms", "try", "error_type", "code"])
                )
                holder[name] = data.draw(ANY_JSON)
            if type(event.get("properties")) is not dict:
                break
    events.extend(data.draw(st.lists(ANY_JSON, max_size=3)))
    bodies: list[Any] = [{"batch": events, "sent_at": data.draw(ANY_JSON)}, *events, data.draw(ANY_JSON)]
    params = data.draw(st.none() | st.dictionaries(st.sampled_from(["_", "event"]), st.text(max_size=8), min_size=1))
    for body in bodies:
        decoded = len(core.outcomes)
        with contextlib.suppress(Undecodable):
            core.send(orjson.dumps(body), source="posthog", academy=1, params=params)
            assert len(core.outcomes) == decoded + 1

    assert all(set(row) <= set(EVENTS.names) for row in core.facts)
    assert all(set(row) <= set(WEBHOOKS.names) for row in core.outcomes)
    assert all(set(row) <= set(SCORES.names) for row in core.scores)
    assert all(row["occurred_at"][:2] in ("19", "20") and int(row["item_id"]) < 1 << 128 for row in core.facts)


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


def test_a_name_in_the_directory_links_a_student() -> None:
    """Facts, scores and the outcome carry the user's id; a replay with the new directory links what was before."""
    core, notebook = Core(), session()
    record = core.record(request_of(*notebook.events), source="posthog")
    core.run([record])
    assert {row["user_id"] for row in (*core.facts, *core.scores)} == {None}
    assert core.outcomes[0]["student_id"] is None

    replayed = Core()
    replayed.refer("users", 1234, {"id": 1234, "academies": [5, 6], "notebook_names": [" john-doe "]})
    replayed.run([record])
    assert {row["user_id"] for row in (*replayed.facts, *replayed.scores)} == {1234}
    assert {row["actor"] for row in replayed.facts} == {"JOHN-DOE"}
    assert (replayed.outcomes[0]["student_id"], replayed.outcomes[0]["academy_ids"]) == (1234, [5, 6])
    assert facts(core).keys() == facts(replayed).keys()


def test_a_name_of_two_links_neither() -> None:
    """Nobody is given what another one did; when one of them gives the name up, the other has it."""
    core = Core()
    core.refer("users", 1, {"id": 1, "notebook_names": ["JOHN-DOE"]})
    core.refer("users", 2, {"id": 2, "notebook_names": ["JOHN-DOE", "JD"]})
    notebook = Notebook()
    send(core, notebook.start())
    core.refer("users", 1, {"id": 1})
    send(core, notebook.start())
    core.refer("users", 2, None)
    send(core, notebook.start())

    assert [row["user_id"] for row in core.facts] == [None, 2, None]


def test_a_user_id_is_a_name_of_its_own() -> None:
    """Courses whose notebooks know the LMS's ids need no list of names."""
    core = Core()
    send(core, {**Notebook().start(), "distinct_id": " 0042 "})

    assert (core.facts[0]["actor"], core.facts[0]["user_id"]) == ("42", 42)


def test_a_personal_token_reports_its_own_user_only() -> None:
    """As with LearnPack's webhooks; names that nobody is linked to are nobody else's."""
    core = Core()
    core.refer("users", 9, {"id": 9, "notebook_names": ["JANE-DOE"]})
    jane, john = Notebook("JANE-DOE"), Notebook("JOHN-DOE")

    assert send(core, jane.start(), principal="5") == ("ERROR", "Token of user 5 cannot report for user 9")
    assert send(core, jane.start(), principal="9") == ("DONE", "OK")
    assert send(core, jane.start(), principal="5", capabilities=("crud_telemetry",)) == ("DONE", "OK")
    assert send(core, john.start(), principal="5") == ("DONE", "OK")
    assert core.outcomes[-1]["student_id"] is None


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
