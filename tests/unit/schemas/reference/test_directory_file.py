"""Directory files: one object or lines, and errors that name the place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reference.directory import LARGEST_RECORD
from schemas.reference.directory_file import DirectoryError, parse_directory, parse_line, record_key
from schemas.reference.lookup import Reference
from tests.support.strategies import json_values

OBJECT = """{
  "assets": [{"id": 1, "slug": "loops", "big": 123456789012345678901234567890, "own": {"x": [1.10]}}],
  "users": [{"id": "7", "first_name": "F"}],
  "tasks": [{"id": 3, "user_id": 7}],
  "academies": [{"id": 4, "timezone": "America/Bogota"}]
}"""
LINES = """
{"kind": "asset", "id": 1, "slug": "loops", "big": 123456789012345678901234567890, "own": {"x": [1.10]}}

{"id": "7", "first_name": "F", "kind": "user"}
{"kind": "task", "id": 3, "user_id": 7}
{"kind": "academy", "id": 4, "timezone": "America/Bogota"}
"""


@pytest.mark.parametrize("text", [OBJECT, OBJECT.encode(), "\ufeff" + OBJECT, LINES, LINES.replace("\n", "\r\n")])
def test_both_forms_give_the_same_records(text: str | bytes) -> None:
    """An object of lists and NDJSON lines are read alike, in the file's order, unknown fields untouched."""
    records = parse_directory(text)

    assert [(kind, key) for kind, key, _ in records] == [
        ("assets", b"1"),
        ("users", b"7"),
        ("tasks", b"3"),
        ("academies", b"4"),
    ]
    assert [json.loads(value or "") for _, _, value in records] == [
        {"id": 1, "slug": "loops", "big": 123456789012345678901234567890, "own": {"x": [1.1]}},
        {"id": "7", "first_name": "F"},
        {"id": 3, "user_id": 7},
        {"id": 4, "timezone": "America/Bogota"},
    ]


def test_the_view_takes_what_a_file_gives() -> None:
    """Records of a file are records of the topics."""
    reference = Reference()
    for kind, key, value in parse_directory(OBJECT):
        reference.apply(kind, key, value)

    assert reference.asset(1) is not None
    assert reference.has_user(7)
    assert [task.id for task in reference.tasks_of(7, [""])] == []


@pytest.mark.parametrize("text", ["", "\n", "{}", '{"assets": []}', '{"assets": null}'])
def test_a_file_may_hold_nothing(text: str) -> None:
    """Nothing is no error."""
    assert parse_directory(text) == []


def test_one_line_is_a_file_of_lines() -> None:
    """A single object with a kind is a line, not an object of lists."""
    assert parse_directory('{"kind": "user", "id": 7}') == [("users", b"7", b'{"id":7}')]


@pytest.mark.parametrize(
    "text",
    [
        '{"tasks": [{"id":3,"deleted":true,"user_id":"x"}], "users": [{"id":7,"deleted":false}]}',
        '{"kind":"task","id":3,"deleted":true,"user_id":"x"}\n{"kind":"user","id":7,"deleted":false}',
    ],
)
def test_a_record_that_is_deleted_has_no_value(text: str) -> None:
    """Its id is enough, and what else it says does not matter; `"deleted": false` is a field like another."""
    assert parse_directory(text) == [("tasks", b"3", None), ("users", b"7", b'{"id":7,"deleted":false}')]


def test_a_line_of_a_known_kind_need_not_name_it() -> None:
    """It may, if it names the same; numbers and fields stay as they are."""
    assert parse_line("users", b'{"id": 7, "big": 123456789012345678901234567890}') == (
        b"7",
        b'{"id":7,"big":123456789012345678901234567890}',
    )
    assert parse_line("users", b'{"kind": "user", "id": 7, "deleted": 1}') == (b"7", None)
    with pytest.raises(ValueError, match=r"^`kind` must be user here, or left out$"):
        parse_line("users", b'{"kind": "task", "id": 7}')


def test_a_token_s_key_is_a_digest_and_nothing_else_is_repeated() -> None:
    """What is no SHA-256 may be a secret, so no error has it."""
    digest = "0a" * 32

    assert record_key("tokens", digest) == digest.encode()
    assert record_key("users", "07") == b"7"
    with pytest.raises(ValueError, match=r"^the key is not a SHA-256 in lower-case hexadecimal$"):
        record_key("tokens", "my-secret")
    with pytest.raises(ValueError, match=r"^the key is not a SHA-256 in lower-case hexadecimal$"):
        parse_line("tokens", b'{"id": "my-secret", "user_id": 7}')


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"users": [{"id": 1, "deleted": "yes"}]}', "users[0]: `deleted` must be true or false, not 'yes'"),
        ('{"assets": [{"id": 1, "slug": "a"}, {"id": 2}]}', "assets[1]: `slug` must be text, not None"),
        ('{"tasks": [{"id": "x", "user_id": 1}]}', "tasks[0]: `id` must be an id, not 'x'"),
        ('{"users": [3]}', "users[0]: not a JSON object"),
        ('{"users": {"id": 1}}', "`users` must be a list"),
        ('{"asset": []}', "`asset` is none of `assets`, `users`, `tasks`, `academies`"),
        (
            '{"academies": [{"id": 4, "timezone": "Madrid"}]}',
            "academies[0]: `timezone` must be an IANA name such as Europe/Madrid, not 'Madrid'",
        ),
        ('{"kind": "user", "id": 1}\n\n{"kind": "task", "id": 2}', "line 3: `user_id` must be an id, not None"),
        (
            '{"kind": "user", "id": 1}\n{"kind": "token", "id": 2}',
            "line 2: `kind` must be asset, user, task, academy, not 'token'",
        ),
        ('{"kind": "user", "id": 1}\n{"id": 2}', "line 2: `kind` must be asset, user, task, academy, not None"),
        ('{"kind": ["user"], "id": 1}', "line 1: `kind` must be asset, user, task, academy, not ['user']"),
    ],
)
def test_errors_name_place_and_field(text: str, reason: str) -> None:
    """The first bad record is named by its line or index, with the field."""
    with pytest.raises(DirectoryError) as caught:
        parse_directory(text)

    assert str(caught.value) == reason


@pytest.mark.parametrize(
    "text", ['{"kind": "user", "id": 1}\n[]', '{"kind": "user", "id": 1}\n{', b'{"kind": "user", "id": 1}\n\xff']
)
def test_a_line_that_is_no_object_is_named(text: str | bytes) -> None:
    """What is no JSON object on a line is refused with the line's number."""
    with pytest.raises(DirectoryError, match=r"^line 2: not a JSON object: "):
        parse_directory(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            b'{"tasks":[{"id":1,"user_id":7}],"users":[],"tasks":[{"id":2,"user_id":7,"tasks":{"tasks":1}}]}',
            "`tasks` stands there 2 times: put all of its records into one list",
        ),
        (
            b'{"kind":"user","id":1}\n{"kind":"user","id":2,"x":"' + b"a" * LARGEST_RECORD + b'"}',
            f"line 2: the user is larger than {LARGEST_RECORD} bytes: leave fields out of it",
        ),
        (b'{"kind":"us\xe9r","id":1}', "line 1: `kind` cannot be read: is the file UTF-8?"),
        (
            b'{"kind":"user","id":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            "line 1: nested too deep: leave out the field in which it is",
        ),
        (
            b'{"users":[{"id":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
            "line 1: nested too deep: leave out the field in which it is",
        ),
    ],
)
def test_what_nobody_means_is_one_line(text: bytes, reason: str) -> None:
    """Two lists of a kind, a record that no message carries, other characters and great depth."""
    with pytest.raises(DirectoryError) as caught:
        parse_directory(text)

    assert str(caught.value) == reason


def test_the_name_of_a_kind_may_stand_within_a_record() -> None:
    """Only a list that stands there twice is one too many."""
    assert len(parse_directory('{"tasks":[{"id":1,"user_id":7,"title":"tasks","x":{"tasks":1,"tasks":2}}]}')) == 1


records = st.dictionaries(
    st.sampled_from(["kind", "id", "slug", "user_id", "timezone", "assets", "users", "tasks", "academies"]),
    json_values(),
)


@given(st.binary(max_size=30) | st.lists(records | json_values(), max_size=3))
def test_any_file_is_read_or_refused_in_one_line(content: bytes | list[object]) -> None:
    """Whatever a file holds gives records or one DirectoryError."""
    data = content if isinstance(content, bytes) else b"\n".join(json.dumps(line).encode() for line in content)
    try:
        records = parse_directory(data)
    except DirectoryError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either way is an outcome
    else:
        assert all(kind in ("assets", "users", "tasks", "academies") for kind, _, _ in records)
