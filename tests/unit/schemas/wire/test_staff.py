"""Staff commands and the fields that staff may set."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.wire.staff import (
    DURATION,
    FIELDS,
    NUMBER,
    OBJECT,
    CommandError,
    DeleteCommand,
    TelemetryCommand,
    decode_command,
    encode_command,
    format_duration,
    parse_duration,
    validate_fields,
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("00:30:00", 1800),
        ("1 02:03:04.5", 93784.5),
        ("3 days, 00:00:01", 259201),
        ("-00:30:00", -1800),
        ("-1 00:30:00", -88200),
        ("45:00", 2700),
        ("1800", 1800),
        ("1800.25", 1800.25),
        (1800, 1800),
        (0.5, 0.5),
        ("PT30M", 1800),
        ("P1DT2H3M4.5S", 93784.5),
        ("-PT1S", -1),
        ("100:00:00", 360000),
    ],
)
def test_durations_are_read_in_every_notation(value: Any, seconds: float) -> None:
    """Clock notation, seconds and ISO 8601 mean the same."""
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value", ["", "x", "P", "PT", "1:2:3:4", "٣0", None, True, [], {}, float("inf"), float("nan"), 1e300, "9" * 400]
)
def test_anything_else_is_no_duration(value: Any) -> None:
    """What is no duration is None, never an exception."""
    assert parse_duration(value) is None


@given(st.timedeltas(min_value=timedelta(days=-9999), max_value=timedelta(days=9999)))
def test_a_formatted_duration_reads_back(duration: timedelta) -> None:
    """What the API answers may be sent to it again."""
    text = format_duration(duration.total_seconds())

    assert parse_duration(text) == pytest.approx(duration.total_seconds(), abs=1e-6)


def test_durations_are_answered_as_the_lms_does() -> None:
    """Days and fractions show only where there are any."""
    assert format_duration(2700.0) == "00:45:00"
    assert format_duration(90061.5) == "1 01:01:01.500000"
    assert format_duration(-1.0) == "-00:00:01"
    assert format_duration(None) is None


def test_only_the_fields_that_are_sent_are_set() -> None:
    """Absent fields stay, null clears, numbers in texts are numbers, unknown keys are nothing."""
    body = {"engagement_score": "82.5", "total_time": "00:30:00", "metrics": None, "telemetry": {"a": 1}, "id": 9}

    assert validate_fields(body) == (
        {"engagement_score": 82.5, "total_time": 1800.0, "metrics": None, "telemetry": {"a": 1}},
        {},
    )


def test_every_bad_field_is_named() -> None:
    """All errors of a body are told at once."""
    body = {"engagement_score": "x", "completion_rate": True, "total_time": "soon", "telemetry": [], "metrics": "x"}

    assert validate_fields(body)[1] == {
        "telemetry": [OBJECT],
        "engagement_score": [NUMBER],
        "metrics": [OBJECT],
        "total_time": [DURATION],
        "completion_rate": [NUMBER],
    }


@given(st.dictionaries(st.sampled_from(FIELDS), st.text() | st.integers() | st.floats() | st.booleans() | st.none()))
def test_accepted_fields_survive_json(body: dict[str, Any]) -> None:
    """A command holds only what JSON can carry, whatever was sent."""
    fields, errors = validate_fields(body)

    assert set(fields) | set(errors) == set(body)
    assert orjson.loads(orjson.dumps(fields)) == fields


@pytest.mark.parametrize(
    "command",
    [
        TelemetryCommand("telemetry.upsert", "7", "a", {"total_time": 1.5, "telemetry": None}, 4),
        TelemetryCommand("telemetry.update", "7", "a", {}),
        DeleteCommand("webhook.delete", 3 << 40 | 5),
    ],
)
def test_commands_survive_the_topic(command: TelemetryCommand | DeleteCommand) -> None:
    """The worker reads what the gateway wrote."""
    assert decode_command(orjson.loads(encode_command(command))) == command


@pytest.mark.parametrize(
    "payload",
    [{}, {"command": "telemetry.drop"}, {"command": "webhook.delete"}, {"command": "webhook.delete", "id": "x"}],
)
def test_what_is_no_command_is_refused(payload: dict[str, Any]) -> None:
    """A staff record that somebody wrote by hand is dead-lettered with a reason."""
    with pytest.raises(CommandError, match="not a staff command"):
        decode_command(payload)
