"""What one event of a notebook says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.settings import Settings
from schemas.times import sql_time
from schemas.wire.rows import EVENTS
from streams.core.notebook.event import Clock, Unreadable, read_event
from streams.core.policy import Policy
from tests.support.core import MORNING, Core
from tests.support.notebooks import Notebook, iso, request_of

SECOND = 1000
MINUTE = 60_000
HOUR = 3_600_000


def fact(event: dict[str, Any], policy: Policy | None = None, **options: Any) -> dict[str, Any]:
    """The one fact of an event."""
    core = Core(policy=policy or Policy())
    assert core.verdict(event, source="posthog", **options) == ("DONE", "OK")
    (row,) = core.facts
    return row


def test_a_test_is_a_fact_with_all_its_columns() -> None:
    """Student, notebook, exercise, result, duration, attempt and kind of error stand in their columns, no text does."""
    row = fact(Notebook().test("ex_1", ok=False, attempt=3, error="ValueError: secret = 5"), academy=4)

    assert set(row) == set(EVENTS.names) - {"written_at"}
    assert {name: row[name] for name in ("event", "actor", "user_id", "academy_id", "asset_slug", "step_slug")} == {
        "event": "test",
        "actor": "JOHN-DOE",
        "user_id": None,
        "academy_id": 4,
        "asset_slug": "D3_Datetimes",
        "step_slug": "ex_1",
    }
    assert (row["succeeded"], row["duration_ms"], row["error_type"], row["exit_code"]) == (
        False,
        500,
        "ValueError",
        None,
    )
    assert row["properties"] == {"sess": "abc12345", "v": "1.0.0", "attempt": 3}
    assert row["source"] == "notebook"
    assert row["occurred_at"] == "2026-03-02 08:00:01.000"


def test_a_cell_keeps_its_size_and_not_its_code() -> None:
    """The code of a cell is counted and left out, unless redaction is off."""
    cell = Notebook().cell("cell_7", "print('ñ')")

    row = fact(cell)
    assert (row["event"], row["step_slug"], row["code_bytes"], row["succeeded"]) == ("cell", "cell_7", 11, None)
    assert row["properties"] == {"sess": "abc12345", "v": "1.0.0", "cell_num": 1}
    assert fact(cell, Policy(redact=frozenset({"sess"})))["properties"] == {"v": "1.0.0", "cell_num": 1}
    assert fact(cell, Policy(previews=True))["properties"]["code"] == "print('ñ')"


def test_redaction_is_off_by_name_only() -> None:
    """Neither the default nor a list of fields keeps the code of cells."""
    assert [Policy.of(Settings(_env_file=None, redact=redact)).previews for redact in ((), ("email",), ("off",))] == [
        False,
        False,
        True,
    ]
    assert Policy.of(Settings(_env_file=None, redact=("off",))).redact == frozenset()


def test_a_custom_event_is_a_fact_with_its_properties() -> None:
    """Any name will do; numbers and flags are kept, texts only where the property is known to hold names."""
    properties = {
        "$set": {"a": 1},
        "level": 3,
        "hard": True,
        "mood": "ok",
        "track": "evening",
        "a sentence": 1,
        "list": [1],
        "long": "x" * 500,
        "none": None,
    }
    event = Notebook().capture('feed"back', **properties, student="JOHN-DOE")
    row = fact(event)

    assert (row["event"], row["step_slug"]) == ('feed"back', "")
    kept = {"sess": "abc12345", "v": "1.0.0", "level": 3, "hard": True}
    assert row["properties"] == kept
    assert fact(event, Policy(notebook_properties=frozenset({"track"})))["properties"] == {**kept, "track": "evening"}


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"err": "NameError: name 'x' is not defined"}, "NameError"),
        ({"err": "numpy.linalg.LinAlgError: singular"}, "numpy.linalg.LinAlgError"),
        ({"err": "AssertionError"}, "AssertionError"),
        ({"err": "name 'x' is not defined"}, ""),
        ({"err": "password: hunter2"}, ""),
        ({"error_type": "KeyError", "err": "'a'"}, "KeyError"),
        ({"error_type": "not a name"}, "other"),
        ({"error_type": "AdaLovelace"}, "other"),
        ({"error_type": "my.DivisionError"}, "my.DivisionError"),
        ({"error_type": "not a name", "err": "KeyError: 'a'"}, "KeyError"),
        ({"err": None}, ""),
        ({"err": {"a": 1}}, ""),
    ],
)
def test_of_an_error_its_type_is_taken(properties: dict[str, Any], expected: str) -> None:
    """Only what is the name of an exception leaves a message: the rest may quote what the student wrote."""
    assert fact(Notebook().capture("test", ex="a", ok=False, **properties))["error_type"] == expected


@pytest.mark.parametrize(
    ("request_", "params", "expected"),
    [
        ({"sent_at": iso(MORNING)}, None, MORNING - 10 * SECOND),
        ({"sent_at": iso(MORNING - 2 * HOUR)}, None, MORNING - 10 * SECOND + 2 * HOUR),
        ({"sentAt": iso(MORNING + HOUR)}, None, MORNING - 10 * SECOND - HOUR),
        ({}, {"_": str(MORNING - HOUR)}, MORNING - 10 * SECOND + HOUR),
        ({"sent_at": iso(MORNING - 3 * MINUTE)}, None, MORNING - 10 * SECOND + 3 * MINUTE),
        ({"sent_at": iso(MORNING - 800)}, None, MORNING - 10 * SECOND),
        ({"sent_at": iso(MORNING - 90 * SECOND)}, None, MORNING - 10 * SECOND),
        ({"sent_at": iso(MORNING + 90 * SECOND)}, None, MORNING - 10 * SECOND),
        ({}, {"_": str(MORNING - 90 * SECOND)}, MORNING - 10 * SECOND),
        ({"sent_at": "yesterday"}, None, MORNING - 10 * SECOND),
        ({}, None, MORNING - 10 * SECOND),
    ],
)
def test_a_wrong_clock_is_put_right(request_: dict[str, Any], params: dict[str, str] | None, expected: int) -> None:
    """What a clock that is wrong by minutes lacked when it sent, it lacked at the event; less is the way's.

    Nothing happened after it arrived.
    """
    notebook = Notebook(now=MORNING - 11 * SECOND)
    core = Core()
    core.send({"batch": [notebook.start()], **request_}, source="posthog", at=MORNING, params=params)

    assert core.facts[0]["occurred_at"] == sql_time(min(expected, MORNING))


def test_an_event_without_a_time_happened_when_it_came() -> None:
    """Browsers send `offset`, how long ago it was; nothing happened after it came."""

    def at(**changes: Any) -> str:
        event = {**Notebook().start(), **changes}
        core = Core()
        core.send(request_of(event, sent_at=MORNING - HOUR), source="posthog", at=MORNING)
        occurred: str = core.facts[0]["occurred_at"]
        return occurred

    assert at(timestamp=None) == "2026-03-02 08:00:00.000"
    assert at(timestamp="soon") == "2026-03-02 08:00:00.000"
    assert at(timestamp=None, offset=5000) == "2026-03-02 07:59:55.000"
    assert at(timestamp=None, offset=-5) == "2026-03-02 08:00:00.000"
    assert at(timestamp=iso(MORNING + 40 * HOUR)) == "2026-03-02 08:00:00.000"
    assert at(timestamp=iso(MORNING + SECOND)) == "2026-03-02 08:00:00.000"
    assert at(timestamp=iso(MORNING), properties={"$ignore_sent_at": True}) == "2026-03-02 08:00:00.000"
    assert at(timestamp=iso(MORNING - HOUR)) == "2026-03-02 08:00:00.000"


@pytest.mark.parametrize("milliseconds", [9_225_144_475_262_776, 9_225_144_475_262_776.0, 1 << 61, -1])
def test_a_duration_longer_than_lives_is_none(milliseconds: float) -> None:
    """It would begin before any instant that can be stored."""
    assert fact(Notebook().capture("test", ex="a", ok=True, ms=milliseconds))["duration_ms"] is None


@pytest.mark.parametrize("event", [17, None, [], {}, {"event": ""}, {"event": None}, {"event": {"a": 1}}])
def test_what_is_no_event_says_why(event: Any) -> None:
    """An event is an object with a name."""
    with pytest.raises(Unreadable):
        read_event(event, "JOHN-DOE", Clock(MORNING * 1000, 0), Policy())


@given(st.text(max_size=300))
def test_names_of_any_kind_fit_their_columns(name: str) -> None:
    """Whatever an event, a notebook or a cell is called, the fact is a line of JSON with a short name."""
    event = Notebook(name=name).cell(name)
    core = Core()
    core.send(request_of(event, {**event, "event": name}), source="posthog")

    assert all(len(row[column]) <= 128 for row in core.facts for column in ("event", "asset_slug", "step_slug"))
