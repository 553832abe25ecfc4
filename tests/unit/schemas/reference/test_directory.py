"""Records of the directory topics: lenient reading, nothing lost."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reference.directory import Asset, Task, Token, User
from tests.support.strategies import json_objects, json_values

SHA256 = b"0123456789abcdef" * 4


def dumps(record: Any) -> bytes:
    """A record as the topic carries it."""
    return orjson.dumps(record)


def test_an_asset_is_read() -> None:
    """Every field that is read arrives (docs/asyncapi.yaml)."""
    record = {
        "id": 12,
        "slug": "loops",
        "title": "Loops",
        "lang": "us",
        "asset_type": "EXERCISE",
        "graded": True,
        "learnpack_id": 9,
        "aliases": ["old-loops"],
        "translations": {"us": "loops", "es": "bucles"},
        "academy": 4,
    }

    asset = Asset.parse(b"12", dumps(record))

    assert {name: getattr(asset, name) for name in record} == record | {"aliases": ("old-loops",)}
    assert asset.key == b"12"


def test_what_is_missing_or_null_has_a_default() -> None:
    """Only id and slug are needed, and the id may be the key alone."""
    bare = Asset.parse(b"12", b'{"slug": "loops"}')
    nulls = Asset.parse(
        b"12",
        dumps(
            dict.fromkeys(("title", "lang", "graded", "learnpack_id", "aliases", "translations", "academy"))
            | {"slug": "loops"}
        ),
    )

    for asset in (bare, nulls):
        assert (asset.id, asset.title, asset.lang, asset.graded, asset.learnpack_id) == (12, None, None, False, None)
        assert (asset.aliases, asset.translations, asset.academy) == ((), {}, None)
    assert bare.fields() == {"slug": "loops", "id": 12}


def test_forms_that_apis_and_dumps_write_are_understood() -> None:
    """Digit strings are ids, 0 and 1 flags, linked records ids, and empty items of lists nothing."""
    record = {
        "id": "12",
        "slug": "loops",
        "graded": 1,
        "learnpack_id": "9",
        "academy": {"id": 4, "name": "Miami"},
        "aliases": ["a", None, ""],
        "translations": {"us": "loops", "it": None, "pt": ""},
    }

    asset = Asset.parse(b"12", dumps(record))

    assert (asset.id, asset.graded, asset.learnpack_id, asset.academy) == (12, True, 9, 4)
    assert asset.aliases == ("a",)
    assert asset.translations == {"us": "loops"}
    for blank in (b"", b"  "):
        assert Asset.parse(b"1", b'{"slug": "a", "learnpack_id": "%s"}' % blank).learnpack_id is None
    assert User.parse(b"1", b'{"academies": [{"id": 4}, "5", 6]}').academies == (4, 5, 6)
    assert User.parse(b"1", b'{"notebook_names": ["ADA", null, ""]}').notebook_names == ("ADA",)


@pytest.mark.parametrize(
    ("lang", "english"),
    [("en", True), ("us", True), (" EN ", True), ("US", True), ("en-US", False), ("es", False), (None, False)],
)
def test_en_and_us_are_english(lang: str | None, english: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Both codes are the same language, in any case."""
    assert Asset.parse(b"1", dumps({"slug": "a", "lang": lang})).english is english


def test_unknown_fields_are_kept_and_given_back() -> None:
    """The value is the record as it came, byte for byte, and a change keeps the rest."""
    value = b'{ "id": 12, "slug": "loops", "difficulty": "EASY", "telemetry_stats": {"days": {}} }'

    asset = Asset.parse(b"12", value)
    changed = asset.updated({"learnpack_id": 9, "difficulty": None})

    assert asset.value == value
    assert changed.learnpack_id == 9
    assert changed.fields() == asset.fields() | {"learnpack_id": 9, "difficulty": None}


@pytest.mark.parametrize(
    ("key", "record", "reason"),
    [
        (b"x", {"slug": "a"}, "the key b'x' is not an id"),
        (b"-1", {"slug": "a"}, "the key b'-1' is not an id"),
        (b"9" * 30, {"slug": "a"}, "the key b'999999999999999999999999999999' is not an id"),
        (b"01", {"slug": "a"}, "the key b'01' is not an id"),
        (b"1", {"id": 2, "slug": "a"}, "`id` is 2, but the key is 1"),
        (b"1", {"id": True, "slug": "a"}, "`id` must be an id, not True"),
        (b"1", {}, "`slug` must be text, not None"),
        (b"1", {"slug": ""}, "`slug` must be text, not ''"),
        (b"1", {"slug": 5}, "`slug` must be text, not 5"),
        (b"1", {"slug": "a", "title": 5}, "`title` must be text, not 5"),
        (b"1", {"slug": "a", "graded": "yes"}, "`graded` must be true or false, not 'yes'"),
        (b"1", {"slug": "a", "learnpack_id": "x"}, "`learnpack_id` must be an id, not 'x'"),
        (b"1", {"slug": "a", "aliases": "b"}, "`aliases` must be a list, not 'b'"),
        (b"1", {"slug": "a", "aliases": ["b", 5]}, "`aliases[1]` must be text, not 5"),
        (b"1", {"slug": "a", "translations": ["b"]}, "`translations` must be an object, not ['b']"),
        (b"1", {"slug": "a", "translations": {"es": 5}}, "`translations.es` must be text, not 5"),
        (b"1", {"slug": "a", "academy": {"id": "x"}}, "`academy.id` must be an id, not 'x'"),
        (b"1", [], "not a JSON object"),
    ],
)
def test_a_bad_asset_is_refused_in_one_line(key: bytes, record: Any, reason: str) -> None:
    """The reason names the field and what it holds."""
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        Asset.parse(key, dumps(record))

    assert str(caught.value) == reason


def test_a_value_that_is_no_json_is_refused() -> None:
    """The reason says so, and where."""
    with pytest.raises(ValueError, match=r"^not JSON: .*column 2"):
        Asset.parse(b"1", b"{")


def test_a_user_and_a_task_are_read() -> None:
    """Every field that is read arrives (docs/asyncapi.yaml), and what is unknown stays in the value."""
    person = {"id": 7, "first_name": "F", "last_name": "L", "academies": [4, 5]}
    work = {
        "id": 3,
        "user_id": 7,
        "associated_slug": "loops",
        "title": "Loops",
        "task_type": "EXERCISE",
        "task_status": "PENDING",
        "revision_status": "APPROVED",
    }

    user = User.parse(b"7", dumps(person))
    task = Task.parse(b"3", dumps(work | {"created_at": "2026-03-02T00:00:00Z"}))

    assert {name: getattr(user, name) for name in person} == person | {"academies": (4, 5)}
    assert {name: getattr(task, name) for name in work} == work
    assert task.fields() == work | {"created_at": "2026-03-02T00:00:00Z"}


def test_a_task_needs_a_student() -> None:
    """Without a user id it could never be found."""
    with pytest.raises(ValueError, match=r"^`user_id` must be an id, not None$"):
        Task.parse(b"3", b'{"associated_slug": "loops"}')


def test_a_personal_token_is_read() -> None:
    """Capabilities are by academy, times are microseconds."""
    record = {
        "user_id": 7,
        "academies": {"4": ["read_assignment", "crud_telemetry"], "5": []},
        "created_at": "2026-03-02T08:00:00Z",
        "expires_at": 1772438400000,
        "label": "laptop",
    }

    token = Token.parse(SHA256, dumps(record))

    assert (token.sha256, token.user_id, token.ingest, token.label) == (SHA256.decode(), 7, False, "laptop")
    assert token.created_at == token.expires_at == 1772438400000000
    assert token.capabilities(4) == {"read_assignment", "crud_telemetry"}
    assert token.capabilities(5) == token.capabilities(6) == frozenset()
    assert token.capabilities(None) == {"read_assignment", "crud_telemetry"}
    assert not token.expired(1772438399999999)
    assert token.expired(1772438400000000)


def test_an_ingest_key_has_no_user_and_never_expires_by_default() -> None:
    """An ingest key is public, so it is nobody's."""
    token = Token.parse(SHA256, b'{"ingest": true, "academies": {"4": []}}')

    assert (token.ingest, token.user_id, token.expires_at) == (True, None, None)
    assert not token.expired(1 << 62)


@pytest.mark.parametrize(
    ("key", "record", "reason"),
    [
        (b"abc", {"user_id": 1}, "the key is not a SHA-256 in lower-case hexadecimal"),
        (SHA256.upper(), {"user_id": 1}, "the key is not a SHA-256 in lower-case hexadecimal"),
        (SHA256, {}, "`user_id` must be an id, unless `ingest` is true"),
        (SHA256, {"ingest": True, "user_id": 1}, "`user_id` must be null for an ingest key, which everybody may read"),
        (SHA256, {"user_id": 1, "academies": [4]}, "`academies` must be an object of capability lists by academy id"),
        (SHA256, {"user_id": 1, "academies": {"x": []}}, "`academies.x` is not an academy id"),
        (SHA256, {"user_id": 1, "academies": {"4": "all"}}, "`academies`: `4` must be a list, not 'all'"),
        (
            SHA256,
            {"user_id": 1, "expires_at": "soon"},
            "`expires_at` must be a time (ISO 8601 or milliseconds), not 'soon'",
        ),
    ],
)
def test_a_bad_token_is_refused_in_one_line(key: bytes, record: Any, reason: str) -> None:
    """An expiry that cannot be read is refused as well: it must not become a token that never expires."""
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        Token.parse(key, dumps(record))

    assert str(caught.value) == reason


FIELDS = (
    *("id", "slug", "title", "graded", "learnpack_id", "aliases", "translations", "academy", "academies", "user_id"),
    *("associated_slug", "ingest", "expires_at", "created_at", "label"),
)


@given(
    st.sampled_from([Asset, User, Task, Token]),
    st.sampled_from([b"1", SHA256]) | st.binary(max_size=6),
    st.binary(max_size=20) | (json_values() | json_objects(*FIELDS)).map(lambda value: json.dumps(value).encode()),
)
def test_any_record_is_read_or_refused_in_one_line(model: Any, key: bytes, value: bytes) -> None:
    """Whatever reaches a topic gives a record or a ValueError of one line."""
    try:
        record = model.parse(key, value)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either way is an outcome
    else:
        assert isinstance(record, model)
