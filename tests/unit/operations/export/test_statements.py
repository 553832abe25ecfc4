"""Facts as xAPI statements: held to the standard's shape, the same each time, and without anybody's texts."""

from __future__ import annotations

from typing import Any, Final

import jsonschema_rs
import pytest

from operations.export.actors import Actors
from operations.export.statements import PROFILE, Fact, Statements, statement_id
from schemas.vocabulary import STREAMED_EVENTS
from schemas.wire.pseudonyms import Pseudonyms

HOME: Final = "https://telemetry.example"
EVENTS: Final = (*sorted(STREAMED_EVENTS), "start_tutorial", "start_session", "complete_step", "start", "cell", "hint")

_ACTIVITY: Final = {
    "type": "object",
    "required": ["objectType", "id", "definition"],
    "additionalProperties": False,
    "properties": {
        "objectType": {"const": "Activity"},
        "id": {"type": "string", "pattern": "^(https://|urn:)[^ ]+$"},
        "definition": {
            "type": "object",
            "required": ["type"],
            "additionalProperties": False,
            "properties": {
                "type": {"type": "string", "pattern": "^http://adlnet.gov/expapi/activities/[a-z]+$"},
                "name": {"type": "object", "propertyNames": {"const": "en"}},
            },
        },
    },
}
_EXTENSIONS: Final = {"type": "object", "propertyNames": {"pattern": f"^{PROFILE}:[a-z-]+$"}, "minProperties": 1}
# What xAPI 1.0.3 says of a statement, as far as ours use it.
SCHEMA: Final = {
    "type": "object",
    "required": ["id", "actor", "verb", "object", "timestamp"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
        "actor": {
            "type": "object",
            "required": ["objectType", "account"],
            "additionalProperties": False,
            "properties": {
                "objectType": {"const": "Agent"},
                "account": {
                    "type": "object",
                    "required": ["homePage", "name"],
                    "additionalProperties": False,
                    "properties": {"homePage": {"const": HOME}, "name": {"type": "string", "minLength": 1}},
                },
            },
        },
        "verb": {
            "type": "object",
            "required": ["id", "display"],
            "properties": {"id": {"pattern": "^http://adlnet.gov/expapi/verbs/[a-z]+$"}},
        },
        "object": {
            "oneOf": [
                _ACTIVITY,
                {
                    "required": ["objectType", "id"],
                    "properties": {"objectType": {"const": "StatementRef"}},
                },
            ]
        },
        "result": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": False,
            "properties": {
                "success": {"type": "boolean"},
                "completion": {"type": "boolean"},
                "duration": {"type": "string", "pattern": r"^PT\d+\.\d{3}S$"},
                "score": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"scaled": {"type": "number", "minimum": -1, "maximum": 1}},
                },
                "extensions": _EXTENSIONS,
            },
        },
        "context": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "contextActivities": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "category": {"type": "array", "items": _ACTIVITY},
                        "parent": {"type": "array", "items": _ACTIVITY},
                    },
                },
                "extensions": _EXTENSIONS,
            },
        },
        "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$"},
    },
}


def fact(event: str, **fields: Any) -> Fact:
    """A fact with everything in it."""
    given: dict[str, Any] = {
        "item_id": "340282366920938463463374607431768211455",
        "event": event,
        "occurred_at": "2026-03-02 08:00:00.250",
        "actor": "1234",
        "academy_id": 7,
        "asset_slug": "hello world/ñ",
        "step_slug": "01-hello",
        "step_position": 0,
        "exit_code": 1,
        "succeeded": False,
        "duration_ms": 1500,
        "error_type": "TypeError",
        "code_bytes": 120,
        "output_bytes": 0,
        "source": "batch",
        "properties": {"attempt": 2, "agent": "vscode", "files": [1], "derived": True},
    }
    return Fact(**{**given, **fields})


def statements(*, accounts: bool = False) -> Statements:
    """For students under pseudonyms, or as they are."""
    return Statements(HOME, Actors(None if accounts else Pseudonyms(b"a key")))


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("succeeded", [True, False, None])
def test_every_fact_is_a_statement(event: str, succeeded: bool | None) -> None:  # noqa: FBT001 - a parameter
    """Of the standard's shape, with an ADL verb, the event's own name, and the profile."""
    made = statements().of(fact(event, succeeded=succeeded))

    jsonschema_rs.validate(SCHEMA, made)
    assert made["context"]["extensions"][f"{PROFILE}:event"] == event
    assert [activity["id"] for activity in made["context"]["contextActivities"]["category"]] == [PROFILE]


@pytest.mark.parametrize(
    ("event", "succeeded", "verb"),
    [
        ("start_tutorial", None, "launched"),
        ("start_session", None, "initialized"),
        ("open_step", None, "experienced"),
        ("compile", False, "interacted"),
        ("test", True, "passed"),
        ("test", False, "failed"),
        ("test", None, "attempted"),
        ("quiz_submission", True, "answered"),
        ("ai_interaction", None, "asked"),
        ("complete_step", None, "completed"),
        ("hint", None, "interacted"),
    ],
)
def test_the_verb_says_what_was_done(event: str, succeeded: bool | None, verb: str) -> None:  # noqa: FBT001 - as above
    """As the page's table has it."""
    made = statements().of(fact(event, succeeded=succeeded))

    assert made["verb"] == {"id": f"http://adlnet.gov/expapi/verbs/{verb}", "display": {"en": verb}}


def test_a_compilation_is_told_whole() -> None:
    """What happened, to what, when, and how it ended; numbers and flags of its properties, and no text of them."""
    made = statements(accounts=True).of(fact("compile"))

    assert made == {
        "id": statement_id("340282366920938463463374607431768211455"),
        "actor": {"objectType": "Agent", "account": {"homePage": HOME, "name": "1234"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/interacted", "display": {"en": "interacted"}},
        "object": {
            "objectType": "Activity",
            "id": f"{HOME}/xapi/tutorials/hello%20world%2F%C3%B1/steps/01-hello",
            "definition": {"type": "http://adlnet.gov/expapi/activities/lesson", "name": {"en": "01-hello"}},
        },
        "timestamp": "2026-03-02T08:00:00.250Z",
        "context": {
            "contextActivities": {
                "category": [
                    {
                        "objectType": "Activity",
                        "id": PROFILE,
                        "definition": {"type": "http://adlnet.gov/expapi/activities/profile"},
                    }
                ],
                "parent": [
                    {
                        "objectType": "Activity",
                        "id": f"{HOME}/xapi/tutorials/hello%20world%2F%C3%B1",
                        "definition": {
                            "type": "http://adlnet.gov/expapi/activities/course",
                            "name": {"en": "hello world/ñ"},
                        },
                    }
                ],
            },
            "extensions": {f"{PROFILE}:event": "compile", f"{PROFILE}:academy": 7, f"{PROFILE}:step-position": 0},
        },
        "result": {
            "success": False,
            "duration": "PT1.500S",
            "extensions": {
                f"{PROFILE}:exit-code": 1,
                f"{PROFILE}:error-type": "TypeError",
                f"{PROFILE}:code-bytes": 120,
                f"{PROFILE}:output-bytes": 0,
                f"{PROFILE}:properties": {"attempt": 2, "derived": True},
            },
        },
    }


def test_the_id_is_for_ever() -> None:
    """With another one every store would have every fact twice."""
    assert statement_id("1") == "71b61f60-01ee-58e7-a206-4724ca132e09"
    others = [statement_id("1", voids=0), statement_id("1", voids=1), statement_id("1", after=0)]
    assert len({statement_id("1"), statement_id("2"), *others}) == 5


def test_pseudonyms_tell_nothing_and_stay_the_same() -> None:
    """The same for one student, another one for another student or key, and what is a pseudonym already stays one."""
    named = [
        statements().of(fact("test", actor=actor))["actor"]["account"]["name"] for actor in ("1234", "1234", "1235")
    ]
    other = Statements(HOME, Actors(Pseudonyms(b"another"))).of(fact("test"))["actor"]["account"]["name"]
    kept = statements().of(fact("test", actor=Pseudonyms(b"a key").of("ADA")))["actor"]["account"]["name"]

    begins_so = [Actors(Pseudonyms(b"a key")).name(f"pseudonym:{text}") for text in ("Maria Lopez", "0" * 31, "0" * 33)]

    assert named[0] == named[1] == Pseudonyms(b"a key").of("1234")
    assert len({*named, other}) == 3
    assert begins_so[0] == Pseudonyms(b"a key").of("pseudonym:Maria Lopez")
    assert len({*begins_so, "pseudonym:" + "0" * 31, "pseudonym:" + "0" * 33}) == 5
    assert kept == Pseudonyms(b"a key").of("ADA")


def test_no_id_tells_whose_a_fact_is() -> None:
    """What an identity is made of can be guessed: with pseudonyms only who has the key comes from there to the id."""
    item = fact("test").item_id
    hidden, void = statements().of(fact("test")), statements().taken_back(item, 1, "2026-03-02 08:00:00.000")
    other = Statements(HOME, Actors(Pseudonyms(b"another"))).of(fact("test"))

    assert statements(accounts=True).of(fact("test"))["id"] == statement_id(item)
    assert len({hidden["id"], other["id"], statement_id(item)}) == 3
    assert {void["id"], void["object"]["id"]}.isdisjoint({statement_id(item, voids=1), statement_id(item)})
    assert void["object"]["id"] == hidden["id"] == statements().of(fact("test"))["id"]
    assert Pseudonyms(b"a key").of(item).removeprefix("pseudonym:") not in statements().actors.item(item)


def test_a_fact_that_is_none_any_more_is_voided() -> None:
    """By a statement of its own that points to the first, another one for each time."""
    made = statements().taken_back("1", 12, "2026-03-02 08:00:00.123456")
    named = statements().actors.item("1")

    jsonschema_rs.validate(SCHEMA, made)
    assert made["verb"]["id"].endswith("/voided")
    assert made["object"] == {"objectType": "StatementRef", "id": statement_id(named)}
    assert made["id"] == statement_id(named, voids=12)


def test_what_is_odd_is_left_out() -> None:
    """A clock that went back, a percentage beyond all bounds, a tutorial that nobody knows."""
    made = statements().of(
        fact("quiz_submission", duration_ms=-5, asset_slug="", step_slug="", properties={"percentage": 1000})
    )

    jsonschema_rs.validate(SCHEMA, made)
    assert made["result"].keys() == {"success", "extensions"}
    assert made["object"]["id"] == f"{HOME}/xapi/tutorials/unknown"
    assert statements().of(fact("quiz_submission", properties={"percentage": 75}))["result"]["score"] == {
        "scaled": 0.75
    }
