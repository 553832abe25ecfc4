"""Bodies of PostHog's clients: whatever they are wrapped in, every event ends in the part of its student."""

from __future__ import annotations

import contextlib
import gzip
import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ApiError
from gateway.ingest.capture_bodies import MAX_EVENTS, keys_in, read_events, split, take_key, unwrap
from schemas.wire.notebook import distinct_id, distinct_key, events_of
from tests.support.strategies import json_values

LIMIT = 1 << 20
KEY = "phc_0123456789"


def ignore(_what: str) -> None:
    """What was mended is of no interest."""


def events(body: bytes) -> list[Any]:
    """The events of a body."""
    return events_of(read_events(unwrap(body, LIMIT), ignore))


def parts(request: dict[str, Any], secret: str | None = None) -> dict[bytes, Any]:
    """What is published of a request, by key."""
    return {part.key: orjson.loads(part.value) for part in split(request, secret)}


EVENT = {"event": "téşt >?~", "distinct_id": "JOHN-DOE"}
JSON = json.dumps(EVENT).encode()


@pytest.mark.parametrize(
    "body",
    [
        JSON,
        b" \n" + JSON + b"\n",
        gzip.compress(JSON),
        b64encode(JSON),
        b64encode(JSON).rstrip(b"="),
        b64encode(gzip.compress(JSON)),
        urlencode({"data": b64encode(JSON)}).encode(),
        b"data=" + b64encode(JSON),
        urlencode({"compression": "base64", "data": b64encode(JSON)}).encode(),
        b"data=" + quote(JSON).encode(),
        urlencode({"data": b64encode(gzip.compress(JSON))}).encode(),
        gzip.compress(urlencode({"data": b64encode(JSON)}).encode()),
    ],
)
def test_a_body_is_told_by_what_it_looks_like(body: bytes) -> None:
    """JSON, gzip and base64, alone, in each other and in forms, with and without padding, hold the same event."""
    assert events(body) == [EVENT]


@pytest.mark.parametrize("text", [b"", b"hello", b"data=", b"data=%", b"\x1f\x8b", b"%%%", b'"x"', b"17", b"null"])
def test_what_has_no_json_inside_is_refused(text: bytes) -> None:
    """400, in one of the words for it."""
    with pytest.raises(ApiError) as caught:
        events(text)

    assert caught.value.slug in ("invalid-json", "invalid-gzip", "invalid-capture")


@pytest.mark.parametrize("text", [b"{}", b"[]", b'{"batch": []}', b'{"batch": {}}', b'{"batch": null}', b'{"a": 1}'])
def test_json_without_events_is_refused(text: bytes) -> None:
    """There is nothing to take in it."""
    with pytest.raises(ApiError, match="invalid-capture"):
        events(text)


@pytest.mark.parametrize(
    ("body", "compression"),
    [(b"data=N4IgbghgTg%3D%3D&compression=lz64", None), (b"N4IgbghgTg==", "lz64"), (b"data=N4IgbghgTg%3D%3D", "lz64")],
)
def test_a_compression_that_cannot_be_read_is_named(body: bytes, compression: str | None) -> None:
    """Old clients of browsers use lz64, in the query or in the form; JSON that is only called so is read."""
    with pytest.raises(ApiError) as refusal:
        unwrap(body, LIMIT, compression)

    assert refusal.value.slug == "invalid-json"
    assert b"lz64, which cannot be read" in refusal.value.body("en")
    assert b"lz64, que no se puede leer" in refusal.value.body("es")
    assert unwrap(b'{"event": "a"}', LIMIT, compression) == b'{"event": "a"}'


def test_a_bomb_is_refused() -> None:
    """What unpacks to more than the limit is never unpacked."""
    with pytest.raises(ApiError, match="body-too-large"):
        unwrap(b64encode(gzip.compress(b" " * (LIMIT + 1))), LIMIT)


def test_what_only_python_takes_for_json_is_mended() -> None:
    """A NaN or half a surrogate pair in one property costs that value and no event."""
    text = b'[{"event": "a", "properties": {"loss": NaN, "x": -Infinity, "y": 1e999}}, {"event": "b\\ud800"}]'

    assert events(text) == [{"event": "a", "properties": {"loss": None, "x": None, "y": None}}, {"event": "b\ufffd"}]


def test_too_deep_json_is_refused_as_such() -> None:
    """Nesting has a limit, mended or not."""
    for inner in (b"1", b"NaN"):
        with pytest.raises(ApiError, match="json-too-deep"):
            events(b'{"event":' + b"[" * 70 + inner + b"]" * 70 + b"}")


@pytest.mark.parametrize(
    "request_",
    [
        {"api_key": KEY, "batch": [{"event": "a"}]},
        {"token": KEY, "batch": [{"event": "a"}]},
        {"api_key": KEY, "event": "a"},
        {"event": "a", "properties": {"token": KEY}},
        {"batch": [{"event": "a", "token": KEY}, {"event": "b", "properties": {"token": KEY}}]},
        {"api_key": KEY, "batch": [{"event": "a", "api_key": "another"}]},
    ],
)
def test_the_key_is_found_and_removed(request_: dict[str, Any]) -> None:
    """Wherever a client puts the project key, it authenticates, and nothing of it is published."""
    assert take_key(request_) == KEY

    (part,) = split(request_, KEY)
    assert KEY.encode() not in part.value
    assert b"another" not in part.value


def test_a_property_that_is_called_token_stays() -> None:
    """A course about language models has tokens that are no keys."""
    request = {"api_key": KEY, "batch": [{"event": "a", "properties": {"token": "hello"}}]}

    assert take_key(request) == KEY
    assert request == {"batch": [{"event": "a", "properties": {"token": "hello"}}]}


def test_the_key_within_a_text_is_blotted_out() -> None:
    """Clients of exceptions write it into addresses."""
    (part,) = split({"event": "a", "properties": {"$url": f"https://h/project/{KEY}/p"}}, KEY)

    assert orjson.loads(part.value)["properties"]["$url"] == "https://h/project/***/p"


def test_different_keys_are_refused() -> None:
    """One request is one sender's."""
    with pytest.raises(ApiError, match="several-keys"):
        take_key({"batch": [{"event": "a", "token": "one"}, {"event": "b", "token": "two"}]})


def test_each_student_gets_a_part() -> None:
    """Events keep their order; what counts of the request stands in each part, and nothing else of it."""
    batch = [
        {"event": "a", "distinct_id": "J"},
        {"event": "b", "distinct_id": 7},
        {"event": "c", "properties": {"distinct_id": "J"}},
        {"event": "d", "distinct_id": " 007 "},
        {"event": "e"},
        17,
    ]
    request = {"batch": batch, "sentAt": "2026-03-02T08:00:00Z", "junk": "x" * 1000, "sent_at": "y" * 1000}

    assert parts(request) == {
        b"J": {"batch": [batch[0], batch[2]], "sentAt": "2026-03-02T08:00:00Z"},
        b"7": {"batch": [batch[1], batch[3]], "sentAt": "2026-03-02T08:00:00Z"},
        b"posthog:": {"batch": [batch[4], batch[5]], "sentAt": "2026-03-02T08:00:00Z"},
    }


@given(batch=st.lists(st.fixed_dictionaries({"event": json_values(), "distinct_id": json_values()}) | json_values()))
def test_no_event_is_lost_or_made_up(batch: list[Any]) -> None:
    """Whatever stands in a batch, the parts hold exactly its events, each under the key of its distinct id."""
    text = json.dumps({"batch": batch}).encode()
    with contextlib.suppress(ApiError):
        taken = parts(read_events(text, ignore))

        dumped = sorted(orjson.dumps(event) for event in read_events(text, ignore)["batch"])
        assert sorted(orjson.dumps(event) for part in taken.values() for event in part["batch"]) == dumped
        assert all(distinct_key(distinct_id(event)) == key for key, part in taken.items() for event in part["batch"])


@given(body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_bytes_of_any_kind_are_events_or_refused(body: bytes) -> None:
    """ApiError is all that is ever raised."""
    with contextlib.suppress(ApiError):
        request = read_events(unwrap(body, LIMIT), ignore)
        assert split(request, take_key(request))


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"api_key": KEY, "batch": [{"event": "a"}]}),
        json.dumps({"batch": [{"event": "a", "properties": {"token": str(n)}} for n in range(100)], "api_key": KEY}),
        json.dumps([{"event": "a", "properties": {"token": KEY}}] * 3),
        json.dumps({"token": KEY, "event": "a"}, indent=1),
        json.dumps({"event": "a", "$token": KEY}),
    ],
)
def test_a_key_is_found_without_reading(body: str) -> None:
    """It is among what is tried, wherever its clients put it."""
    assert KEY in keys_in(body.encode())


def test_few_keys_are_tried() -> None:
    """However many a body brings."""
    body = json.dumps([{"api_key": str(n), "token": f"t{n}"} for n in range(10_000)]).encode()

    assert len(keys_in(body)) <= 33


def test_more_events_than_anybody_sends_are_refused() -> None:
    """Each would be a record and a receipt."""
    with pytest.raises(ApiError, match="too-many-values"):
        read_events(b"[" + b'{"event":1},' * MAX_EVENTS + b'{"event":1}]', ignore)


def test_a_form_is_decoded_in_bytes() -> None:
    """Escapes of any kind, and what is no escape, come out as they are meant."""
    text = json.dumps({"event": "a=b%c+d é\n", "distinct_id": "x&y"}).encode()

    assert unwrap(b"data=" + quote(text, safe="").lower().encode(), LIMIT) == text
