"""Objects put together from their members' own texts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.reading.members import join, members
from gateway.reading.payloads import payload_json, shown_payload
from schemas.wire.webhook import merge

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@given(st.dictionaries(NAMES, VALUES, max_size=5), st.dictionaries(NAMES, NAMES, max_size=3))
def test_it_says_what_reading_and_writing_would(body: dict[str, Any], params: dict[str, str]) -> None:
    """Whatever the values, and whatever is laid over them."""
    found = members(orjson.dumps(body))

    assert found is not None
    assert orjson.loads(join(merge(found, params))) == merge(body, params)
    assert orjson.loads(shown_payload(orjson.dumps(body), params)) == merge(body, params)


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"1", b"{", b'{"a": NaN}', b'{"a": "\xff"}', b'{"a": "\\ud83d"}', b'{"a": 1} x', b"\xef\xbb\xbf{}"],
)
def test_what_is_no_object_is_left_to_whoever_reads_it(text: bytes) -> None:
    """It is None, not an answer that no client can read."""
    assert members(text) is None


def test_a_deep_text_is_none() -> None:
    """However deep it is, nothing breaks."""
    assert members(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}") is None


@pytest.mark.parametrize(
    ("body", "params", "shown"),
    [
        (b"", {"a": "1"}, {"a": "1"}),
        (b'{"a": 1, "b": [1,2]}', {"a": "x", "token": "t"}, {"a": "x", "b": [1, 2]}),
        (b'{"a": NaN}', {}, {"a": None}),
        (b'{"a": "x\\ud83d"}', {}, {"a": "x\ufffd"}),
        (b"not JSON", {}, "not JSON"),
        (b"\xff", {}, "\ufffd"),
        (b"[1]", {}, [1]),
        (b"[1]", {"a": "1"}, "[1]"),
        (b'{"a": 1, "a": 2}', {"b": "1"}, {"a": 2, "b": "1"}),
    ],
)
def test_a_payload_is_shown_as_the_worker_reads_it(body: bytes, params: dict[str, str], shown: Any) -> None:
    """With its parameters, mended where it is nearly JSON, and as a text where it is none."""
    assert orjson.loads(shown_payload(body, params)) == shown


@pytest.mark.parametrize(
    ("body", "params", "shown"),
    [
        (b'{"a": {"email": "x"}, "email": "x"}', b'{"email":"x","b":"1"}', {"a": {}, "b": "1"}),
        (b"", b'{"email":"x"}', {}),
        (b'{"email": "\\ud83d", "a": 1}', b"", {"a": 1}),
        (b'email, which is "x"', b"", ""),
        (b'["email"]', b"", ""),
        (b'{"a":' * 100_000, b"", ""),
    ],
)
def test_a_payload_is_shown_without_the_keys_that_are_left_out(body: bytes, params: bytes, shown: Any) -> None:
    """At any depth and in its parameters; of what cannot be read nothing is shown, and of what is cut no beginning."""
    row = {"id": 5, "params": params, "bytes": len(body), "shown": body}

    assert orjson.loads(payload_json(dict(row), str, frozenset({"email"}))) == shown
    cut = orjson.loads(payload_json({**row, "bytes": 1 << 21}, str, frozenset({"email"})))
    assert cut.pop("truncated") == {"bytes": 1 << 21, "beginning": "", "url": "5"}
    assert "email" not in cut
