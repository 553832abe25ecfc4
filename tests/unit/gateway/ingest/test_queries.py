"""Query strings."""

from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from gateway.ingest.queries import Query, parse_query


def test_token_and_academy_are_set_apart() -> None:
    """Neither is a parameter of the webhook."""
    assert parse_query(b"token=t&asset_id=1,2&academy=4") == Query({"asset_id": "1,2"}, "t", "4")


def test_of_a_repeated_name_the_last_counts() -> None:
    """The IDE appends its own asset ids to the URL."""
    assert parse_query(b"asset_id=318&asset_id=1,2").params == {"asset_id": "1,2"}


def test_blank_values_are_kept() -> None:
    """A parameter that says nothing replaces the body's all the same."""
    assert parse_query(b"slug=&x") == Query({"slug": "", "x": ""}, None, None)


def test_no_query_says_nothing() -> None:
    """Most streamed events have none."""
    assert parse_query(b"") == Query({}, None, None)


@given(st.binary(max_size=200))
def test_any_bytes_are_read(query: bytes) -> None:
    """What is no UTF-8 becomes replacement characters, never an error."""
    for name, value in parse_query(query).params.items():
        (name + value).encode()


@given(st.text(alphabet="ab=&;+% é\x00", max_size=40).map(lambda text: text.encode("latin-1")) | st.binary(max_size=80))
def test_a_query_is_read_as_forms_are(query: bytes) -> None:
    """Also where nothing in it is escaped, which takes a shorter way."""
    expected = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="replace"))
    token, academy = expected.pop("token", None), expected.pop("academy", None)

    assert parse_query(query) == Query(expected, token or None, academy)
