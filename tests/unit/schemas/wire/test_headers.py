"""Headers of raw records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.wire.headers import (
    HERE,
    HeaderError,
    RawHeaders,
    decode_headers,
    encode_headers,
    headers_of_retry,
    readable_headers,
)

_texts = st.text(st.characters(codec="utf-8"), min_size=1)
_ids = st.integers(min_value=0, max_value=(1 << 63) - 1)
_headers = st.builds(
    RawHeaders,
    source=st.sampled_from(["learnpack", "posthog", "staff"]),
    params=st.none() | st.dictionaries(_texts, st.text(st.characters(codec="utf-8")), min_size=1),
    academy=st.none() | _ids,
    principal=st.none() | _ids.map(str),
    capabilities=st.lists(st.from_regex(r"[a-z_]+", fullmatch=True), unique=True).map(tuple),
    receipt=st.none() | st.uuids().map(str),
    idempotency_key=st.none() | _texts,
    traceparent=st.none() | _texts,
    id=st.none() | _ids,
    place=st.none() | st.just(HERE) | _ids,
    retry_of=st.none() | _ids,
)


@given(_headers)
def test_what_is_written_is_read_back(headers: RawHeaders) -> None:
    """Decoding what was encoded gives the same headers."""
    assert decode_headers(encode_headers(headers)) == headers


def test_a_record_without_headers_is_a_plain_webhook() -> None:
    """A record that somebody produced without headers counts as LearnPack's, of nobody's."""
    assert decode_headers([]) == RawHeaders(source="learnpack")


def test_a_record_that_is_written_again_says_nothing_of_an_older_place() -> None:
    """It stands for the webhook whose id it names, where it is now, whatever copy it was read from."""
    copied = [("receipt", b"r"), ("id", b"5"), ("place", b"here"), ("retry-of", b"3")]
    assert headers_of_retry(copied, 7) == [("receipt", b"r"), ("retry-of", b"7")]


def test_unknown_headers_are_passed_over() -> None:
    """Headers of other tools change nothing."""
    assert decode_headers([("x-other", b"\xff"), ("academy", b"4")]) == RawHeaders(academy=4)


def test_of_a_repeated_header_the_last_counts() -> None:
    """Kafka allows a name twice; the later one is in force."""
    assert decode_headers([("academy", b"4"), ("academy", b"5")]).academy == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("academy", b"x"),
        ("academy", b"-1"),
        ("academy", None),
        ("id", b"9" * 30),
        ("retry-of", b""),
        ("source", b"LEARNPACK"),
        ("params", b"{"),
        ("params", b"[]"),
        ("params", b'{"a": 1}'),
        ("receipt", b"\xff"),
        ("capabilities", b"\xff"),
    ],
)
def test_a_bad_header_is_named(name: str, value: bytes | None) -> None:
    """A known header that cannot be read raises an error that names it."""
    with pytest.raises(HeaderError, match=f"header {name} is not valid"):
        decode_headers([(name, value)])  # type: ignore[list-item]


@pytest.mark.parametrize("number", [-2, 1 << 63, 10**20])
def test_no_id_is_written_that_is_not_read(number: int) -> None:
    """What names it is told there, not by whoever reads the record."""
    for headers in (
        RawHeaders(academy=number),
        RawHeaders(id=number),
        RawHeaders(place=number),
        RawHeaders(retry_of=number),
        RawHeaders(reports_in=(4, number)),
    ):
        with pytest.raises(HeaderError, match=f"cannot be {number}"):
            encode_headers(headers)


def test_what_can_be_read_is_kept_beside_what_cannot() -> None:
    """A header that is no number takes neither the id nor the academy of its record away."""
    headers = [("academy", b"4"), ("principal", b"\xff"), ("retry-of", b"17"), ("id", b"x"), ("id", b"5")]

    assert readable_headers(headers) == RawHeaders(academy=4, retry_of=17, id=5)
    assert readable_headers([("academy", b"four")]) == RawHeaders()
