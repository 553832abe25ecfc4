"""The trace context of records."""

from __future__ import annotations

import pytest

from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.traces import Parent, callers_parent, followed, read_parent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{SPAN}-01"
NOW = 1_776_000_000_000
HOUR = 3_600_000


def test_a_traceparent_is_read() -> None:
    """Numbers and whether it is sampled, whatever other flags there are."""
    assert read_parent(SAMPLED) == Parent(int(TRACE, 16), int(SPAN, 16), sampled=True)
    assert read_parent(f"00-{TRACE}-{SPAN}-02") == Parent(int(TRACE, 16), int(SPAN, 16), sampled=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        SAMPLED.upper(),
        f"{SAMPLED}-more",
        f"{SAMPLED}\n",
    ],
)
def test_what_the_standard_calls_invalid_is_none(text: str) -> None:
    """Neither a span nor a record has it."""
    assert read_parent(text) is None
    assert callers_parent(text.encode()) is None


def test_a_caller_cannot_ask_to_be_sampled() -> None:
    """Its trace is kept, its wish is not."""
    kept = callers_parent(SAMPLED.encode())

    assert kept == f"00-{TRACE}-{SPAN}-00"
    assert followed([("traceparent", kept.encode())], NOW, NOW) is None
    assert callers_parent(None) is None
    assert callers_parent(b"\xff\xfe") is None


def test_a_trace_is_followed_from_a_record_as_it_is_written() -> None:
    """In whatever company the header is."""
    headers = encode_headers(RawHeaders(params={"a": "1"}, receipt="r", idempotency_key="k", traceparent=SAMPLED))

    assert followed(headers, NOW - HOUR, NOW) == SAMPLED
    assert followed(headers[:-1], NOW, NOW) is None
    assert followed((), NOW, NOW) is None


@pytest.mark.parametrize(
    "headers", [RawHeaders(traceparent=SAMPLED, id=1), RawHeaders(traceparent=SAMPLED, retry_of=1)]
)
def test_a_copy_adds_nothing_to_a_trace(headers: RawHeaders) -> None:
    """A copied log and a dead letter that is sent again have the headers of back then."""
    assert followed(encode_headers(headers), NOW, NOW) is None


def test_what_is_read_again_much_later_adds_nothing_to_a_trace() -> None:
    """An hour is the bound."""
    assert followed([("traceparent", SAMPLED.encode())], NOW - HOUR - 1, NOW) is None
