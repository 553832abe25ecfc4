"""JSON Patch, by the examples of RFC 6902 and what it leaves out."""

from __future__ import annotations

import copy
from typing import Any, Final

import pytest

from schemas.json_patch import PatchError, patched

# A value of which each operation on it makes another one of the same size.
MANY: Final = dict.fromkeys(map(str, range(100_000)), 0)


@pytest.mark.parametrize(
    ("value", "operations", "expected"),
    [
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
        ({"foo": ["a", "b"]}, [{"op": "add", "path": "/foo/1", "value": "x"}], {"foo": ["a", "x", "b"]}),
        ({"foo": ["a"]}, [{"op": "add", "path": "/foo/-", "value": ["b"]}], {"foo": ["a", ["b"]]}),
        ({"foo": ["a"]}, [{"op": "add", "path": "/foo/1", "value": "b"}], {"foo": ["a", "b"]}),
        ({"baz": 1, "foo": 2}, [{"op": "remove", "path": "/baz"}], {"foo": 2}),
        ({"foo": ["a", "b", "c"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["a", "c"]}),
        ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
        ({"a": [1, 2]}, [{"op": "replace", "path": "/a/0", "value": 3}], {"a": [3, 2]}),
        (
            {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
            [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
        ),
        ({"foo": [1, 2, 3]}, [{"op": "move", "from": "/foo/0", "path": "/foo/2"}], {"foo": [2, 3, 1]}),
        ({"a": 1}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": 1}),
        ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
        ({"a": [True, 1.0]}, [{"op": "test", "path": "/a", "value": [True, 1]}], {"a": [True, 1.0]}),
        ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
        ({"": {"": 1}}, [{"op": "replace", "path": "//", "value": 2}], {"": {"": 2}}),
        ({"foo": None}, [{"op": "replace", "path": "/foo", "value": 1}], {"foo": 1}),
        ("soup", [{"op": "replace", "path": "", "value": {"slug": "s"}}], {"slug": "s"}),
        ({"a": 1}, [{"op": "remove", "path": ""}], None),
        ({"a": 1}, [{"op": "add", "path": "/b", "value": 2, "extra": 1}, {"op": "remove", "path": "/a"}], {"b": 2}),
    ],
)
def test_operations_change_the_value(value: Any, operations: list[dict[str, Any]], expected: Any) -> None:
    """One after another; what was given is as it was."""
    before = copy.deepcopy(value)

    assert patched(value, operations) == expected
    assert value == before


@pytest.mark.parametrize(
    ("value", "operations", "reason"),
    [
        ({}, {"op": "add"}, "a patch is a list"),
        ({}, [{"op": "add", "path": ""}] * 1001, "at most 1000"),
        ({}, [1], "operation 0: `op` must be one of"),
        ({}, [{"op": "spoil", "path": ""}], "`op` must be one of"),
        ({}, [{"op": ["add"], "path": ""}], "`op` must be one of"),
        ({}, [{"op": "add", "path": "/a"}], "add needs `value`"),
        ({}, [{"op": "copy", "path": "/a"}], "copy needs `from`"),
        ({}, [{"op": "remove"}], "remove needs `path`"),
        ({}, [{"op": "remove", "path": "a"}], "begins with `/`"),
        ({}, [{"op": "remove", "path": 1}], "begins with `/`"),
        ({}, [{"op": "remove", "path": "/a"}], "there is no 'a'"),
        ({"a": []}, [{"op": "remove", "path": "/a/0"}], "there is no '0'"),
        ({"a": [1]}, [{"op": "add", "path": "/a/3", "value": 1}], "no place 3"),
        ({"a": [1]}, [{"op": "replace", "path": "/a/00", "value": 1}], "no place 00"),
        ({"a": [1]}, [{"op": "replace", "path": "/a/\u0660", "value": 1}], "no place \u0660"),
        ({"a": [1]}, [{"op": "replace", "path": "/a/-", "value": 1}], "no place -"),
        ({"a": 1}, [{"op": "add", "path": "/a/b", "value": 1}], "nothing can be added"),
        ({"a": {}}, [{"op": "move", "from": "/a", "path": "/a/b"}], "into itself"),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": True}], "another one"),
        ({"a": {"b": 1}}, [{"op": "test", "path": "/a", "value": {"c": 1}}], "another one"),
        ({"a": 1}, [{"op": "remove", "path": "/a"}, {"op": "remove", "path": "/a"}], "operation 1: there is no"),
        ([1, 2, 3], [{"op": "copy", "from": "", "path": "/-"}] * 40, "at most 8388608 characters"),
        (["x" * 1_000_000], [{"op": "copy", "from": "/0", "path": "/-"}] * 9, "operation 8: a patch puts in at most"),
        ({}, [{"op": "copy", "from": "", "path": "/a"}] * 70, "operation 64: .*deeper than 64"),
        ([], [{"op": "add", "path": "/0" * n, "value": []} for n in range(1, 900)], "operation 64: .*deeper than 64"),
        ({"a": {"b": {}}}, [{"op": "copy", "from": "/a", "path": "/a/b/c"}] * 70, "deeper than 64"),
        (MANY, [{"op": "add", "path": "/x", "value": 1}] * 999, "operation 83: what a patch changes has at most"),
        (MANY, [{"op": "replace", "path": "/0", "value": 1}] * 999, "operation 41: what a patch changes"),
        ([0] * 100_000, [{"op": "remove", "path": "/0"}] * 999, "operation 83: what a patch changes"),
        ([[0]] * 100_000, [{"op": "add", "path": "/0/0", "value": 1}] * 999, "operation 83: what a patch changes"),
    ],
)
def test_what_does_not_fit_is_told(value: Any, operations: Any, reason: str) -> None:
    """Which operation, and why."""
    with pytest.raises(PatchError, match=reason):
        patched(value, operations)
