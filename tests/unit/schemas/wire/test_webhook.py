"""What a webhook is before anything is looked up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.wire.headers import HERE, RawHeaders
from schemas.wire.webhook import (
    MAX_KEY_BYTES,
    academy_of,
    actor,
    event,
    is_streaming,
    learnpack_package_id,
    log_place,
    merge,
    normal_user_id,
    package_slug,
    student_key,
    webhook_id,
)

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=6,
)
_payloads = st.dictionaries(
    st.sampled_from(
        ["user_id", "telemetry_id", "asset_id", "slug", "package_slug", "package_id", "academy_id", "event"]
    ),
    _json,
)


def test_parameters_win_over_the_body() -> None:
    """The asset often arrives only as a query parameter, and a parameter replaces the body's value."""
    assert merge({"asset_id": 1, "slug": "a"}, {"asset_id": "1,2"}) == {"asset_id": "1,2", "slug": "a"}


def test_token_and_academy_are_never_merged() -> None:
    """A credential and a scope say nothing of what happened."""
    assert merge({}, {"token": "x", "academy": "4", "slug": "a"}) == {"slug": "a"}


def test_merging_changes_neither_side() -> None:
    """The body stays what was received."""
    body, params = {"slug": "a"}, {"slug": "b"}

    merge(body, params)

    assert (body, params) == ({"slug": "a"}, {"slug": "b"})


@pytest.mark.parametrize("value", [1234, 1234.0, "1234", " 01234 ", "0001234"])
def test_digits_name_one_user(value: Any) -> None:
    """However the digits are written, the user is the same."""
    assert normal_user_id(value) == "1234"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "  ",
        True,
        False,
        {},
        [],
        "undefined",
        "null",
        "Null",
        "NaN",
        "None",
        "true",
        " [object Object] ",
        "(null)",
        "N/A",
        "-",
        [None],
        "Anonymous",
        "unknown",
        *(0, "0", "000", 0.0, -1, -1.0, "-1", " -7 ", "-1.0"),
        *("guest", "Guest", "nobody", "anon", "AnonymousUser", "user_id", "not_authenticated"),
        "00000000-0000-0000-0000-000000000000",
    ],
)
def test_nothing_names_nobody(value: Any) -> None:
    """Missing, null and blank are no user, nor is what programs write where they know none."""
    assert normal_user_id(value) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ada", "ada"),
        (" ada ", "ada"),
        (1.5, "1.5"),
        (-1.5, "-1.5"),
        ("guest7", "guest7"),
        ("٣", "٣"),
        ([1], "[1]"),
        ({"id": 1}, '{"id":1}'),
    ],
)
def test_anything_else_is_an_actor_of_its_own(value: Any, text: str) -> None:
    """What is no number stays what it is, so that a strict directory can refuse it and an open one keep it."""
    assert normal_user_id(value) == text


def test_the_payload_names_the_student_before_the_token() -> None:
    """The actor is the payload's user, else the token's, else the anonymous run, else nobody."""
    payload = {"user_id": "07", "telemetry_id": "t"}

    assert actor(payload, "9") == "7"
    assert actor({"telemetry_id": "t"}, "9") == "9"
    assert actor({"telemetry_id": "t"}, None) == "telemetry:t"
    assert actor({"slug": "a"}, None) is None


def test_the_key_of_nobody_is_the_asset() -> None:
    """Webhooks without any student keep their order per asset."""
    assert student_key({"asset_id": "1,2", "slug": "a"}, None) == b"asset:1,2"
    assert student_key({"slug": "a"}, None) == b"asset:a"
    assert student_key({}, None) == b"asset:"


@given(_payloads, st.none() | st.integers(1, 99).map(str))
def test_every_payload_has_a_key_and_a_kind(payload: dict[str, Any], principal: str | None) -> None:
    """No JSON that a client may invent makes these functions fail or grow."""
    assert 0 < len(student_key(payload, principal)) <= MAX_KEY_BYTES
    assert is_streaming(payload) == ("event" in payload)
    assert isinstance(event(payload), str)
    slug, package = package_slug(payload), learnpack_package_id(payload)
    assert slug is None or slug
    assert package is None or -(1 << 63) <= package < 1 << 63


def test_a_webhooks_id_is_its_place() -> None:
    """Partition and offset make the id; copies and retries keep the first one's."""
    assert webhook_id(3, 5, RawHeaders()) == 3 * 2**40 + 5
    assert webhook_id(3, 5, RawHeaders(id=77)) == 77
    assert webhook_id(3, 5, RawHeaders(retry_of=88)) == 88
    assert webhook_id(3, 5, RawHeaders(id=77, retry_of=66)) == 66


def test_a_copy_stands_in_the_log_where_its_original_did() -> None:
    """Effects are ordered by the place of the first record; a retry stands at its own."""
    assert log_place(3, 5, RawHeaders()) == log_place(3, 5, RawHeaders(retry_of=88)) == 3 * 2**40 + 5
    assert log_place(3, 5, RawHeaders(id=77)) == log_place(3, 5, RawHeaders(id=77, retry_of=66)) == 77
    # Behind history it stands where it is, and a copy of it where that one was.
    assert log_place(3, 5, RawHeaders(id=77, place=HERE)) == 3 * 2**40 + 5
    assert log_place(3, 5, RawHeaders(id=77, place=99)) == 99
    assert webhook_id(3, 5, RawHeaders(id=77, place=99)) == webhook_id(3, 5, RawHeaders(id=77, place=HERE)) == 77


def test_the_documents_academy_stands_in_for_the_requests() -> None:
    """The IDE cannot set headers, so its document's own academy counts where the request names none."""
    assert academy_of(4, {"academy_id": 9}) == 4
    assert academy_of(None, {"academy_id": "9"}) == 9
    assert academy_of(None, {"academy_id": "x"}) is None
    assert academy_of(None, {"academy_id": True}) is None


@pytest.mark.parametrize(
    ("payload", "streaming", "name"),
    [
        ({}, False, "batch"),
        ({"event": "batch"}, True, "batch"),
        ({"event": "open_step"}, True, "open_step"),
        ({"event": None}, True, ""),
        ({"event": ""}, True, ""),
        ({"event": 3}, True, "3"),
    ],
)
def test_the_key_event_makes_a_stream(payload: dict[str, Any], streaming: bool, name: str) -> None:  # noqa: FBT001 - a table
    """A payload is streaming if it has the key `event`, whatever that holds."""
    assert (is_streaming(payload), event(payload)) == (streaming, name)


def test_the_package_is_read_as_the_lms_reads_it() -> None:
    """`package_slug` comes before `slug`, and `package_id` is converted by int()."""
    assert package_slug({"package_slug": "p", "slug": "s"}) == "p"
    assert package_slug({"package_slug": "", "slug": "s"}) == "s"
    assert package_slug({}) is None
    assert learnpack_package_id({"package_id": " 55 "}) == 55
    assert learnpack_package_id({"package_id": "x"}) is None
    assert learnpack_package_id({}) is None
