"""Directory files: one object or lines, and errors that name the place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reference.directory_file import DirectoryError, parse_directory
from schemas.reference.lookup import Reference
from tests.support.strategies import json_values

OBJECT = """{
  "assets": [{"id": 1, "slug": "loops", "big": 123456789012345678901234567890, "own": {"x": [1.10]}}],
  "users": [{"id": "7", "first_name": "F"}],
  "tasks": [{"id": 3, "user_id": 7}]
}"""
LINES = """
{"kind": "asset", "id": 1, "slug": "loops", "big": 123456789012345678901234567890, "own": {"x": [1.10]}}

{"id": "7", "first_name": "F", "kind": "user"}
{"kind": "task", "id": 3, "user_id": 7}
"""


@pytest.mark.parametrize("text", [OBJECT, OBJECT.encode(), "\ufeff" + OBJECT, LINES, LINES.replace("\n", "\r\n")])
def test_both_forms_give_the_same_records(text: str | bytes) -> None:
    """An object of lists and NDJSON lines are read alike, in the file's order, unknown fields untouched."""
    records = parse_directory(text)

    assert [(kind, key) for kind, key, _ in records] == [("assets", b"1"), ("users", b"7"), ("tasks", b"3")]
    assert [json.loads(value) for _, _, value in records] == [
        {"id": 1, "slug": "loops", "big": 123456789012345678901234567890, "own": {"x": [1.1]}},
        {"id": "7", "first_name": "F"},
        {"id": 3, "user_id": 7},
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
    ("text", "reason"),
    [
        ('{"assets": [{"id": 1, "slug": "a"}, {"id": 2}]}', "assets[1]: `slug` must be text, not None"),
        ('{"tasks": [{"id": "x", "user_id": 1}]}', "tasks[0]: `id` must be an id, not 'x'"),
        ('{"users": [3]}', "users[0]: not a JSON object"),
        ('{"users": {"id": 1}}', "`users` must be a list"),
        ('{"asset": []}', "`asset` is none of `assets`, `users`, `tasks`"),
        ('{"kind": "user", "id": 1}\n\n{"kind": "task", "id": 2}', "line 3: `user_id` must be an id, not None"),
        (
            '{"kind": "user", "id": 1}\n{"kind": "token", "id": 2}',
            "line 2: `kind` must be asset, user, task, not 'token'",
        ),
        ('{"kind": "user", "id": 1}\n{"id": 2}', "line 2: `kind` must be asset, user, task, not None"),
        ('{"kind": ["user"], "id": 1}', "line 1: `kind` must be asset, user, task, not ['user']"),
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


records = st.dictionaries(st.sampled_from(["kind", "id", "slug", "user_id", "assets", "users", "tasks"]), json_values())


@given(st.binary(max_size=30) | st.lists(records | json_values(), max_size=3))
def test_any_file_is_read_or_refused_in_one_line(content: bytes | list[object]) -> None:
    """Whatever a file holds gives records or one DirectoryError."""
    data = content if isinstance(content, bytes) else b"\n".join(json.dumps(line).encode() for line in content)
    try:
        records = parse_directory(data)
    except DirectoryError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either way is an outcome
    else:
        assert all(kind in ("assets", "users", "tasks") for kind, _, _ in records)
