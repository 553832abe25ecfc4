"""JSON of bodies."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ApiError
from gateway.ingest.json_bodies import (
    AT_A_GLANCE_BYTES,
    MAX_CONTAINERS,
    MAX_DEPTH,
    glance,
    glance_at_once,
    nests_deeper,
    parse_json,
)
from schemas.lenient import loads
from schemas.wire.webhook import academy_of, merge, student_key
from tests.support.strategies import json_objects, json_values

if TYPE_CHECKING:
    from types import FrameType

NAMES = ("user_id", "telemetry_id", "academy_id", "asset_id", "package_slug", "slug")


def ignore(_what: str) -> None:
    """What was mended is of no interest."""


@pytest.mark.parametrize("kind", [dict, list])
def test_nesting_is_bounded(kind: type) -> None:
    """64 levels pass, 65 do not."""

    def nested(depth: int) -> Any:
        value: Any = kind()
        for _ in range(depth - 1):
            value = {"a": value} if kind is dict else [value]
        return value

    assert parse_json(orjson.dumps(nested(MAX_DEPTH)), ignore) == nested(MAX_DEPTH)
    with pytest.raises(ApiError, match="json-too-deep"):
        parse_json(orjson.dumps(nested(MAX_DEPTH + 1)), ignore)
    with pytest.raises(ApiError, match="json-too-deep"):
        glance(b'{"a":%b}' % orjson.dumps(nested(MAX_DEPTH)), ignore)


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b"nan", b"\x00", b"'x'"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """The worker's reader would refuse it as well, but nobody would hear of it."""
    with pytest.raises(ApiError, match="invalid-json"):
        parse_json(body, ignore)


def test_what_is_mended_is_told() -> None:
    """Each kind of it, once for a body."""
    told: list[str] = []

    assert parse_json(b'\xef\xbb\xbf["\\ud83d", "\\ud83d", NaN]', told.append) == ["\ufffd", "\ufffd", None]
    assert parse_json(b'["\\ud83d\\ude00"]', told.append) == ["\U0001f600"]
    assert told == ["encoding", "surrogate", "value"]


def depth_of(value: Any) -> int:
    """How deep a value nests."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


@given(json_values() | st.recursive(st.text('[]{}"\\\\a', max_size=4), lambda inner: st.lists(inner, max_size=2)))
def test_nesting_is_told_from_brackets(value: Any) -> None:
    """As deep as the value is, whatever brackets, quotes and backslashes stand in its texts."""
    text = json.dumps(value).encode()
    depth = depth_of(value)

    assert not nests_deeper(text, depth)
    assert depth == 0 or nests_deeper(text, depth - 1)


@pytest.mark.parametrize("limit", [1, 7, 8, 9, 63, 64])
def test_depth_is_told_in_few_passes(limit: int) -> None:
    """A body of stairs is gone over a few times and not once for each of its levels; the answer is exact all the same.

    A pass over five megabytes of brackets takes 45 ms, in which nothing else runs.
    """
    stairs = b"[" + (b"[" * (limit - 1) + b"]" * (limit - 1)) * 3_000 + b"]"
    passes = 0

    def count(_frame: FrameType, event: str, called: Any) -> None:
        nonlocal passes
        passes += event == "c_call" and called.__name__ == "replace"

    sys.setprofile(count)
    try:
        found = nests_deeper(stairs, limit), nests_deeper(stairs, limit - 1)
    finally:
        sys.setprofile(None)

    assert found == (False, True)
    assert passes <= 2 * 10


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":[' + b"{}," * 200_000 + b"1]}",
        b'{"user_id":[' + b"[]," * 200_000 + b"1]}",
        b"[" + b"[]," * 200_000 + b"1]",
        orjson.dumps({f"key {place}": place for place in range(200_000)}),
        orjson.dumps({"telemetry": dict.fromkeys(map(str, range(200_000)))}),
    ],
)
def test_objects_are_counted_before_they_are_made(body: bytes) -> None:
    """A body of nothing but brackets would take a hundred times its size, and a thread's time to make and to free."""
    with pytest.raises(ApiError, match="too-many-values"):
        parse_json(body, ignore)


def test_commas_of_code_are_no_values() -> None:
    """A program that a student wrote may have as many as it likes, quotes and backslashes among them."""
    body = {"source_code": 'f("a", \\, [1, 2]), ' * 60_000, "stdout": ",\\" * 200_000}

    assert parse_json(orjson.dumps(body), ignore) == body


@pytest.mark.parametrize("name", NAMES)
def test_what_says_whose_a_body_is_has_few_values(name: str) -> None:
    """It is read whole, in one go that nothing else runs in: a user's id of 400,000 members took half a second."""
    few, many = ({str(key): 1 for key in range(count)} for count in (8_000, 400_000))

    assert glance(orjson.dumps({name: few}), ignore).fields == {name: few}
    with pytest.raises(ApiError, match="too-many-values"):
        glance(orjson.dumps({name: many}), ignore)


def test_a_webhook_of_many_objects_is_taken() -> None:
    """What it says of whose it is costs no more, for all else is only checked."""
    body = b'{"user_id":" 7 ","steps":[' + b'{"a":1},' * (2 * MAX_CONTAINERS) + b"{}]}"

    assert glance(body, ignore) == (body, {"user_id": " 7 "}, False)


@given(
    value=json_values() | json_objects(*NAMES, "event", "steps"),
    query=st.dictionaries(st.sampled_from(NAMES), st.text(max_size=5), max_size=2),
)
def test_a_glance_says_what_the_whole_says(value: Any, query: dict[str, str]) -> None:
    """Key and academy are those of the whole body; any other JSON than an object is refused as such."""
    body = json.dumps(value).encode()
    whole = loads(body)
    if type(whole) is not dict:
        with pytest.raises(ApiError, match="invalid-body"):
            glance(body, ignore)
        return
    text, fields, blank = glance(body, ignore)

    assert (text, blank) == (body, not whole)
    assert student_key(merge(fields, query), None) == student_key(merge(whole, query), None)
    assert academy_of(None, merge(fields, query)) == academy_of(None, merge(whole, query))


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b" { \n} "])
def test_what_says_nothing_is_blank(body: bytes) -> None:
    """Unless the query says something, there is no webhook in it."""
    assert glance(body, ignore).blank


def test_a_glance_makes_utf_8_and_leaves_all_else() -> None:
    """What is stored is the text as it came; only how it was written in bytes is changed, and told."""
    told: list[str] = []
    half = b'{"user_id":7,"a":"\\ud83d"}'

    assert glance(half, told.append) == (half, {"user_id": 7}, False)
    assert glance('{"slug":"é"}'.encode("utf-16"), told.append) == ('{"slug":"é"}'.encode(), {"slug": "é"}, False)
    assert told == ["surrogate", "encoding"]


@given(json_objects(*NAMES, "event"))
def test_what_is_seen_at_once_is_what_is_seen(value: dict[str, Any]) -> None:
    """A body that needs no thread's turn is judged as all others are."""
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        seen = glance_at_once(body, ignore)
    except ApiError as error:
        with pytest.raises(ApiError, match=error.slug):
            glance(body, ignore)
    else:
        assert seen in (None, glance(body, ignore))


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":[' + b"[]," * 20_000 + b"0]}",
        b'{"user_id":"' + b"x" * 2_000 + b'"}',
        b'{"user_id":' + b"[" * 60 + b"]" * 60 + b', "a":[' + (b"[" * 50 + b"]" * 50 + b",") * 500 + b"0]}",
        b'{"a": NaN}',
        b"\xef\xbb\xbf{}",
        b" " * AT_A_GLANCE_BYTES,
    ],
)
def test_what_takes_longer_is_left_to_a_thread(body: bytes) -> None:
    """Many brackets, long names, and what must be mended."""
    assert glance_at_once(body, ignore) is None


def test_what_nests_too_deep_is_refused_at_once() -> None:
    """Its brackets are few."""
    with pytest.raises(ApiError, match="json-too-deep"):
        glance_at_once(b'{"a":%b%b}' % (b"[" * MAX_DEPTH, b"]" * MAX_DEPTH), ignore)
