"""Work sessions, the program and the files of a document, as facts tell them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.support.core import MORNING, Core

START = MORNING - 7_200_000


def document(sessions: Any, **root: Any) -> dict[str, Any]:
    """A document with these work sessions."""
    return {
        "telemetry_id": "run-1",
        "user_id": 7,
        "slug": "lists",
        "agent": "os",
        "tutorial_started_at": START,
        "last_interaction_at": START + 60_000,
        "steps": [{"slug": "00", "position": 0, "opened_at": START}],
        "workout_session": sessions,
        **root,
    }


def begun(core: Core) -> list[tuple[str, dict[str, Any]]]:
    """When sessions began, in the order in which that was told, with their properties."""
    return [(fact["occurred_at"], fact["properties"]) for fact in core.facts if fact["event"] == "start_session"]


def at(hour: int) -> dict[str, int]:
    """A session that begins so many hours after the tutorial."""
    return {"started_at": START + hour * 3_600_000}


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_each_session_is_told_once(order: tuple[int, ...]) -> None:
    """Whatever batches come in which order, each session is one fact with its own time and the program."""
    core = Core()
    for count in order:
        sessions = [at(hour) for hour in range(count + 1)]
        core.send(document(sessions, last_interaction_at=START + count * 60_000))

    assert sorted(begun(core)) == [(f"2026-03-02 0{hour}:00:00.000", {"agent": "os"}) for hour in (6, 7, 8)]
    assert len({fact["item_id"] for fact in core.facts}) == len(core.facts)


def test_a_session_that_ends_is_not_told_again() -> None:
    """The end that a later batch adds belongs to the same fact."""
    core = Core()
    core.send(document([at(0)]))
    core.send(document([{**at(0), "ended_at": START + 5_000}], last_interaction_at=START + 90_000))

    assert len(begun(core)) == 1


@pytest.mark.parametrize("sessions", [None, {}, "x", [], [None, 3, "x", {}, {"started_at": "yesterday"}]])
def test_what_has_no_time_is_no_session(sessions: Any) -> None:
    """Anything may stand in the place of the list and of its items."""
    core = Core()
    core.send(document(sessions))

    assert core.outcomes[-1]["verdict"] == "stored"
    assert begun(core) == []


def test_the_newest_of_many_sessions_are_told_and_remembered() -> None:
    """A state does not grow with what a client makes up."""
    core = Core()
    for last in (700, 701):
        core.send(document([at(hour) for hour in range(last)], last_interaction_at=START + last * 60_000))

    assert len(begun(core)) == 501


@pytest.mark.parametrize(
    ("agent", "properties"),
    [("vscode", {"agent": "vscode"}), ("ada@example.com", {"agent": "other"}), ("", {}), (None, {}), (3, {})],
)
def test_the_program_is_a_word_of_ours(agent: Any, properties: dict[str, str]) -> None:
    """What a client writes in its place reaches no fact."""
    core = Core()
    core.send(document([at(0)], agent=agent))

    assert [fact["properties"] for fact in core.facts if fact["event"].startswith("start_")] == [properties, properties]


def test_files_of_a_step_are_counted() -> None:
    """How many, never how they are called; nothing where no list was sent."""
    core = Core()
    steps = [
        {"slug": "00", "opened_at": START, "files": [{"name": "a.py"}, {"name": "b.py"}]},
        {"slug": "01", "opened_at": START, "files": []},
        {"slug": "02", "opened_at": START},
    ]
    core.send(document([], steps=steps))

    opened = {fact["step_slug"]: fact["properties"] for fact in core.facts if fact["event"] == "open_step"}
    assert opened == {"00": {"files": 2}, "01": {"files": 0}, "02": {}}


@pytest.mark.parametrize(
    ("item", "code", "output"),
    [
        ({}, None, None),
        ({"source_code": None, "stdout": None, "stderr": 3}, None, None),
        ({"source_code": "", "stdout": ""}, 0, 0),
        ({"source_code": "cHJpbnQ=", "stderr": "YWI="}, 5, 2),
        ({"stdout": "YQ==", "stderr": "YWI="}, None, 3),
    ],
)
def test_what_was_not_sent_has_no_size(item: dict[str, Any], code: int | None, output: int | None) -> None:
    """An absent text is unknown, an empty one has 0 bytes."""
    core = Core()
    steps = [{"slug": "00", "opened_at": START, "compilations": [{"started_at": START, "exit_code": 0, **item}]}]
    core.send(document([], steps=steps))

    (fact,) = (fact for fact in core.facts if fact["event"] == "compile")
    assert (fact["code_bytes"], fact["output_bytes"]) == (code, output)


def test_a_question_without_code_or_answer_has_no_sizes() -> None:
    """As for attempts; the size of the message is left out with the message."""
    core = Core()
    asked = [{"started_at": START, "student_message": "why"}, {"started_at": START + 1_000}]
    core.send(document([], steps=[{"slug": "00", "opened_at": START, "ai_interactions": asked}]))

    told = [fact for fact in core.facts if fact["event"] == "ai_interaction"]
    assert [(fact["code_bytes"], fact["output_bytes"], fact["properties"]) for fact in told] == [
        (None, None, {"message_bytes": 3}),
        (None, None, {}),
    ]
