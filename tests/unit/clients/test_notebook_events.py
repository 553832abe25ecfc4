"""Events as they travel."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from fractions import Fraction
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from learnpack_notebook_telemetry.events import MAX_EVENT_BYTES, TooLargeError, batch_body, encode, plain

NOW = dt.datetime(2026, 3, 2, 8, 0, 0, 5_999, dt.timezone(dt.timedelta(hours=1)))
ID = uuid.UUID(int=7)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.text(st.characters(categories=["Cs"]))
    | st.datetimes()
    | st.binary()
    | st.fractions()
    | st.complex_numbers()
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(SCALARS, inner) | st.sets(SCALARS), max_leaves=20
)


@given(ANYTHING)
def test_whatever_a_notebook_passes_is_json_that_a_strict_parser_reads(value: Any) -> None:
    """A value that JSON has no form for never spoils the batch of the others."""
    shown = plain(value)

    assert orjson.loads(json.dumps(shown, allow_nan=False)) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 2_000, "x" * 1_000),
        ("\ud800", "?"),
        (list(range(200)), list(range(100))),
        ((1, (2,)), [1, [2]]),
        ({1: "a", None: "b"}, {"1": "a", "None": "b"}),
        (math.nan, "<float>"),
        (-math.inf, "<float>"),
        (Fraction(1, 2), 0.5),
        (2**60, float(2**60)),
        (10**400, "<int>"),
        (Fraction(10**400), "<Fraction>"),
        ({1, 2}, "<set>"),
        (b"secret", "<bytes>"),
        (dt.date(2026, 3, 2), "2026-03-02"),
        (np.int64(3), 3),
        (np.bool_(True), True),  # noqa: FBT003 - that is what a comparison gives
        (np.float32(0.5), 0.5),
        (np.float64("nan"), "<float>"),
        (np.array([1, 2]), "<ndarray>"),
    ],
)
def test_a_value_keeps_what_json_can_hold(value: Any, shown: Any) -> None:
    """The rest is cut, or becomes the name of its type."""
    assert plain(value) == shown
    assert type(plain(value)) is type(shown)


def test_what_contains_itself_ends() -> None:
    """Below five levels only the type is named."""
    loop: list[Any] = []
    loop.append(loop)

    assert plain(loop) == [[[[["<list>"]]]]]


def test_an_event_has_the_shape_of_a_capture_call() -> None:
    """Name, student, properties, time in UTC to the millisecond, and an identity."""
    assert json.loads(encode("test", "ADA-LOVELACE", {"ok": True}, NOW, ID)) == {
        "event": "test",
        "distinct_id": "ADA-LOVELACE",
        "properties": {"ok": True},
        "timestamp": "2026-03-02T07:00:00.005+00:00",
        "uuid": "00000000-0000-0000-0000-000000000007",
    }


def test_an_event_that_is_too_large_is_refused() -> None:
    """So that neither memory nor a batch grows without bound."""
    with pytest.raises(TooLargeError, match=f"{MAX_EVENT_BYTES} may be sent"):
        encode("big", "ADA-LOVELACE", {str(number): "x" * 1_000 for number in range(100)}, NOW, ID)


def test_a_batch_carries_the_key_the_clock_and_the_events() -> None:
    """The events are in it as they were encoded."""
    events = [encode("cell", "ADA-LOVELACE", {"cell_id": name}, NOW, ID) for name in "ab"]

    assert json.loads(batch_body('k"1', events, NOW)) == {
        "api_key": 'k"1',
        "sent_at": "2026-03-02T07:00:00.005+00:00",
        "batch": [json.loads(event) for event in events],
    }
