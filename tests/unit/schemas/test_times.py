"""Clients' times to microseconds, and instants to ClickHouse's text."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.times import day_of, parse_time, sql_date, sql_time
from tests.support.strategies import json_values

# 2024-12-19 15:17:49.242 UTC.
INSTANT_MS = 1_734_621_469_242
INSTANT = INSTANT_MS * 1000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What datetime knows, in milliseconds: the years 1 to 9999.
_FIRST_MS = -62_135_596_800_000
_LAST_MS = 253_402_300_799_999


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    "value", [INSTANT_MS, float(INSTANT_MS), str(INSTANT_MS), f" {INSTANT_MS} ", f"{INSTANT_MS}.0"]
)
def test_milliseconds_are_numbers_or_numeric_strings(value: Any) -> None:
    """Unix milliseconds may come as a number or as its text."""
    assert parse_time(value) == INSTANT


@pytest.mark.parametrize(
    "value",
    [
        "2024-12-19T15:17:49.242Z",
        "2024-12-19T15:17:49.242000Z",
        "2024-12-19T15:17:49.242",
        "2024-12-19 15:17:49.242",
        "2024-12-19T15:17:49.242+00:00",
        "2024-12-19T16:17:49.242+01:00",
        "2024-12-19T09:47:49.242-05:30",
    ],
)
def test_iso_strings_are_read_with_their_offset(value: str) -> None:
    """ISO 8601 is taken with or without Z, and an offset is applied; none means UTC."""
    assert parse_time(value) == INSTANT


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-12-19T15:17:49Z", INSTANT - 242_000),
        ("2024-12-19T15:17:49.242117Z", INSTANT + 117),
        ("2024-12-19", 1_734_566_400_000_000),
        (1.5, 1500),
        (0.0006, 1),
        (0, 0),
        (-1, -1000),
        ("-1", -1000),
        ("0", 0),
        (True, 1000),
        (False, 0),
        (5_000_000_000_000, 5_000_000_000_000_000),
        (_LAST_MS - 999, (_LAST_MS - 999) * 1000),
        (_FIRST_MS, _FIRST_MS * 1000),
    ],
)
def test_fractions_and_wrong_clocks_are_times_too(value: Any, expected: int) -> None:
    """Whole seconds, microseconds, bare days, the times of reset clocks and what Python takes for a number."""
    assert parse_time(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "9" * 5000,
        "2024-13-01",
        "2024-12-19T25:00:00.000Z",
        "2024-12-19T15:17:49.242ZZ",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "\ud800",
        float("nan"),
        float("inf"),
        1e300,
        10**400,
        _LAST_MS + 1,
        _FIRST_MS - 1,
        [],
        [INSTANT_MS],
        {},
    ],
)
def test_what_does_not_parse_is_null(value: Any) -> None:
    """Anything that is no time within the years 1 to 9999 is null."""
    assert parse_time(value) is None


@given(st.integers(_FIRST_MS, _LAST_MS - 1))
@example(4_000_000_000_000)
@example(3_999_999_999_999)
@example(-4_000_000_000_000)
def test_whole_milliseconds_are_those_of_a_float_of_seconds(value: int) -> None:
    """Integers agree with datetime's reading of seconds, which is how the LMS reads them."""
    expected = _microseconds(datetime.fromtimestamp(value / 1000, tz=UTC))

    assert parse_time(value) == expected
    assert parse_time(str(value)) == expected


@given(st.floats(_FIRST_MS, _LAST_MS))
def test_fractions_round_as_datetime_rounds_them(value: float) -> None:
    """Floats agree with datetime's reading of seconds, to the microsecond."""
    assert parse_time(value) == _microseconds(datetime.fromtimestamp(value / 1000, tz=UTC))


_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=_OFFSETS))  # noqa: DTZ001 - hypothesis adds the zone
def test_any_iso_instant_is_read_exactly(instant: datetime) -> None:
    """An instant's ISO text gives its microseconds, whatever its offset."""
    assert parse_time(instant.isoformat()) == _microseconds(instant)


@given(st.text("0123456789-T:.,Z+ ", min_size=23, max_size=23))
@example("2024-12-19T15:17:49.242")
@example("2024-12-19T15:17+01:00 ")
@example("2024-12-19Z15:17:49.2420")
def test_the_usual_length_changes_nothing(text: str) -> None:
    """A string that has the usual length and ends in Z is read like any other: Z stands for +00:00."""
    assert parse_time(f"{text}Z") == parse_time(f"{text.replace('Z', '+00:00')}+00:00")


@given(json_values())
def test_any_json_value_is_a_time_or_null(value: Any) -> None:
    """No value raises, and what is a time fits in 64 bits."""
    parsed = parse_time(value)

    assert parsed is None or _FIRST_MS * 1000 <= parsed < (_LAST_MS + 1) * 1000


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - naive as ClickHouse's text is
def test_instants_are_written_as_clickhouse_reads_them(instant: datetime) -> None:
    """Milliseconds become DateTime64(3) text, their day Date text."""
    milliseconds = _microseconds(instant.replace(tzinfo=UTC)) // 1000

    assert sql_time(milliseconds) == instant.isoformat(sep=" ", timespec="milliseconds")
    assert sql_date(day_of(milliseconds)) == instant.date().isoformat()


def test_days_begin_at_midnight_utc() -> None:
    """The last millisecond of a day still belongs to it."""
    midnight = (date(2024, 12, 20) - date(1970, 1, 1)).days

    assert day_of(midnight * 86_400_000) == midnight
    assert day_of(midnight * 86_400_000 - 1) == midnight - 1
    assert day_of(-1) == -1
