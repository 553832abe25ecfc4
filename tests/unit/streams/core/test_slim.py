"""From the clients' documents to the slim ones of the state."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings

from streams.core.slim import items_of, slim, steps_of
from streams.core.state import MISSING, Attempt, Document, Quiz, Step, Timed
from tests.support.documents import documents
from tests.support.examples import examples
from tests.support.telemetry import any_payloads

MS = 1_734_621_469_242
ISO = "2024-12-19T15:17:49.242Z"
US = MS * 1000

KINDS = (
    ("compilations", "compilations"),
    ("tests", "tests"),
    ("ai_interactions", "interactions"),
    ("quiz_submissions", "quizzes"),
)


def _step(**fields: Any) -> Step:
    return slim({"steps": [fields]}).steps[0]


def _attempt(**fields: Any) -> Attempt:
    return _step(compilations=[fields]).compilations[0]


def test_a_cli_document_keeps_times_codes_and_identities() -> None:
    """A CLI document is read field by field; its texts are gone."""
    payload = {
        "telemetry_id": "t1",
        "slug": "tutorial",
        "agent": "vscode",
        "tutorial_started_at": MS,
        "last_interaction_at": MS + 5,
        "workout_session": [{"started_at": MS}, {"started_at": MS + 1, "ended_at": MS}],
        "steps": [
            {
                "slug": "00-hello",
                "position": 0,
                "files": [{"path": "a"}],
                "is_testeable": True,
                "opened_at": MS + 1,
                "completed_at": MS + 4,
                "compilations": [{"source_code": "x", "starting_at": MS + 1, "ended_at": ISO, "exit_code": None}],
                "tests": [{"stdout": "x", "starting_at": MS + 2, "ended_at": MS + 3, "exit_code": 1}],
                "ai_interactions": [{"student_message": "x", "starting_at": MS, "ending_at": MS + 1}],
            }
        ],
    }

    assert slim(payload) == Document(
        "t1",
        US,
        US + 5000,
        2,
        [
            Step(
                "00-hello",
                0,
                US + 1000,
                US + 4000,
                testable=True,
                compilations=[Attempt(US + 1000, US, None)],
                tests=[Attempt(US + 2000, US + 3000, 1)],
                interactions=[Timed(US, US + 1000)],
            )
        ],
    )


def test_an_ide_step_keeps_quizzes_and_what_is_pending() -> None:
    """Of an IDE's step the quiz submissions and the hashes of the quizzes still to be passed are kept."""
    step = _step(
        slug="01-quiz",
        position=3,
        is_completed=False,
        testeable_elements=[
            {"hash": "q1", "type": "quiz"},
            {"hash": "q2", "type": "quiz", "is_completed": False},
            {"hash": "q3", "type": "quiz", "is_completed": True},
            {"hash": "q4", "type": "quiz"},
            {"hash": "t1", "type": "test", "is_completed": False},
        ],
        quiz_submissions=[
            {"quiz_hash": "q1", "status": "ERROR", "percentage": 50, "started_at": MS, "ended_at": MS + 1},
            {"quiz_hash": "q4", "status": "SUCCESS", "percentage": 100, "started_at": MS + 2, "ended_at": MS + 3},
        ],
    )

    assert step.elements
    assert step.pending == ["q1", "q2"]
    assert step.quizzes == [
        Quiz(US, US + 1000, passed=False, quiz_hash="q1"),
        Quiz(US + 2000, US + 3000, passed=True, quiz_hash="q4"),
    ]


@pytest.mark.parametrize(("started", "ended"), [("starting_at", "ending_at"), ("started_at", "ended_at")])
@pytest.mark.parametrize(("field", "attribute"), KINDS)
def test_both_names_of_a_beginning_and_an_end_are_read(field: str, attribute: str, started: str, ended: str) -> None:
    """`starting_at` and `ending_at` stand in for missing `started_at` and `ended_at`."""
    step = _step(**{field: [{started: MS, ended: ISO}]})
    item = getattr(step, attribute)[0]

    assert (item.started, item.ended) == (US, US)


@pytest.mark.parametrize(("field", "attribute"), KINDS)
def test_a_null_time_is_not_a_missing_one(field: str, attribute: str) -> None:
    """Where the keys `started_at` and `ended_at` are there, the other names do not count."""
    step = _step(**{field: [{"started_at": None, "starting_at": MS, "ended_at": "", "ending_at": MS}]})
    item = getattr(step, attribute)[0]

    assert (item.started, item.ended) == (None, None)


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        (0, 0),
        (1, 1),
        (-1, -1),
        (3_221_225_477, 3_221_225_477),
        (False, 0),
        (0.0, 0),
        (-0.0, 0),
        (None, None),
        (True, None),
        (1.0, None),
        ("0", None),
        ([], None),
        ({}, None),
        (1 << 63, None),
    ],
)
def test_an_exit_code_is_a_success_if_it_equals_0(code: Any, kept: int | None) -> None:
    """Whole exit codes are kept, what equals 0 is one, and everything else is the failure without a number."""
    attempt = _attempt(exit_code=code)

    assert attempt.code == kept
    assert attempt.code is not MISSING
    assert attempt.failed == (kept != 0)


def test_an_attempt_without_the_key_has_no_exit_code() -> None:
    """A missing exit code is neither a failure nor a success."""
    attempt = _attempt(starting_at=MS)

    assert attempt.code is MISSING
    assert not attempt.failed


@pytest.mark.parametrize("field", ["steps", "workout_session"])
@pytest.mark.parametrize("value", [None, "abc", 3, {"a": 1}, True])
def test_what_is_no_list_counts_as_empty(field: str, value: Any) -> None:
    """Lists of the document that are missing, null or something else are empty."""
    assert slim({field: value}) == slim({}) == Document("", None, None, 0, [])


@pytest.mark.parametrize(("field", "attribute"), KINDS)
@pytest.mark.parametrize("value", [None, "abc", 3, {"a": 1}, True, []])
def test_any_list_of_a_step_may_be_missing(field: str, attribute: str, value: Any) -> None:
    """Lists of a step that are missing, null or something else are empty."""
    assert getattr(_step(**{field: value}), attribute) == getattr(_step(), attribute) == []


@pytest.mark.parametrize(("field", "attribute"), KINDS)
def test_what_is_no_object_is_no_item(field: str, attribute: str) -> None:
    """Items that are no objects are left out, and the others keep their places in both readings."""
    step = {field: [None, {"started_at": MS}, "x", 1, ["y"], {"started_at": MS + 1}]}

    assert [item.started for item in getattr(_step(**step), attribute)] == [US, US + 1000]
    assert items_of(step, field) == [{"started_at": MS}, {"started_at": MS + 1}]


def test_what_is_no_object_is_an_empty_step() -> None:
    """A step that is no object keeps its place, so that those behind it keep their positions."""
    payload = {"steps": [None, "x", {"slug": "b"}]}

    assert [(step.slug, step.position) for step in slim(payload).steps] == [(None, 0), (None, 1), ("b", 2)]
    assert steps_of(payload) == [{}, {}, {"slug": "b"}]


@pytest.mark.parametrize(
    ("position", "kept"), [(7, 7), (0, 0), (-1, -1), (None, 1), ("7", 1), (7.0, 1), (True, 1), (1 << 63, 1)]
)
def test_a_step_without_a_position_takes_its_place(position: Any, kept: int) -> None:
    """A position that is no integer is the step's place in the list."""
    assert slim({"steps": [{}, {"position": position}]}).steps[1].position == kept


@pytest.mark.parametrize(
    ("slug", "kept"),
    [("a", "a"), ("", ""), (None, None), (3, 3), (1.5, 1.5), (True, True), ([], None), ({}, None), (1 << 64, None)],
)
def test_a_slug_is_kept_as_sent(slug: Any, kept: Any) -> None:
    """The slug of a step may be empty, null or no text; a list or an object is null."""
    assert _step(slug=slug).slug == kept


@pytest.mark.parametrize(("value", "kept"), [(True, True), (False, False), (None, None), ("yes", None), (1, None)])
def test_whether_a_step_is_testable_may_be_unknown(value: Any, kept: bool | None) -> None:  # noqa: FBT001 - a column
    """Only a boolean says whether a step is testable."""
    assert _step(is_testeable=value).testable is kept
    assert _step().testable is None


@pytest.mark.parametrize(("value", "kept"), [("t", "t"), (12, "12"), (None, ""), (True, ""), (1.5, ""), ([], "")])
def test_a_telemetry_id_is_text(value: Any, kept: str) -> None:
    """Numbers are taken as their digits, everything else but text is no telemetry_id."""
    assert slim({"telemetry_id": value}).telemetry_id == kept


@pytest.mark.parametrize("name", documents())
def test_real_documents_survive_the_state(name: str) -> None:
    """A real document keeps every step and item, and reads back from the state as it was written."""
    payload = documents()[name]
    document = slim(payload)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(document), type=Document) == document
    assert [step.slug for step in document.steps] == [step["slug"] for step in payload["steps"]]
    for step, source in zip(document.steps, payload["steps"], strict=True):
        for field, attribute in KINDS:
            items = getattr(step, attribute)
            assert len(items) == len(source.get(field, []))
            assert None not in [item.started for item in items]
            assert None not in [item.ended for item in items]


def test_the_state_is_slim() -> None:
    """A slim document takes at most 15 % of the bytes of the real one, and all of them 3 % of all bytes."""
    sizes = [
        (len(msgspec.msgpack.encode(slim(payload))), len(orjson.dumps(payload))) for payload in documents().values()
    ]

    assert max(kept / sent for kept, sent in sizes) < 0.15
    assert sum(kept for kept, _ in sizes) < 0.03 * sum(sent for _, sent in sizes)


@given(any_payloads())
@settings(max_examples=examples(80))
def test_any_json_value_may_stand_in_any_place(payload: dict[str, Any]) -> None:
    """No document raises, what is read of it packs and unpacks, and steps and items keep their places."""
    document = slim(payload)
    packed = msgspec.msgpack.encode(document)

    assert msgspec.msgpack.encode(msgspec.msgpack.decode(packed, type=Document)) == packed
    assert len(document.steps) == len(steps_of(payload))
    for step, source in zip(document.steps, steps_of(payload), strict=True):
        for field, attribute in KINDS:
            assert len(getattr(step, attribute)) == len(items_of(source, field))
