"""Whose a notebook's events are, and who may report them."""

from __future__ import annotations

from tests.support.core import Core
from tests.support.notebooks import Notebook, facts, request_of, send, session


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
