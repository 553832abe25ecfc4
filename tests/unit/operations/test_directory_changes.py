"""What a directory file would change."""

from __future__ import annotations

import orjson

from operations.directory_changes import changes_of
from operations.directory_sync.comparing import Policy
from schemas.reference.lookup import Kind, Reference


def users(*numbers: int, **fields: object) -> list[tuple[Kind, bytes, bytes | None]]:
    """Users with these fields."""
    return [("users", b"%d" % number, orjson.dumps({"id": number, **fields})) for number in numbers]


def holding(records: list[tuple[Kind, bytes, bytes | None]]) -> Reference:
    """A directory that holds them."""
    reference = Reference()
    for kind, key, value in records:
        reference.apply(kind, key, value)
    return reference


def test_what_is_written_otherwise_is_the_same() -> None:
    """Order and spacing are no change; numbers are compared as they are written."""
    reference = holding([("users", b"7", b'{"id":7,"first_name":"Ada","big":123456789012345678901234567890}')])
    same = b'{"first_name": "Ada", "big": 123456789012345678901234567890, "id": 7}'
    other = same.replace(b"890,", b"891,")

    assert [one.summary() for one in changes_of(reference, [("users", b"7", same)])] == ["users: 1 the same"]
    (changes,) = changes_of(reference, [("users", b"7", other)])
    assert list(changes.lines()) == ["~ user 7: big"]


def test_changes_name_what_is_new_other_and_gone() -> None:
    """Tombstones come last; a field that is not there any more has changed as well."""
    reference = holding([*users(1, 2, 3, 10, first_name="Ada"), ("tasks", b"5", b'{"user_id": 1}')])
    records = [*users(2, first_name="Ada"), *users(1, 4), ("users", b"3", None), ("users", b"9", None)]
    (changes,) = changes_of(reference, records)

    assert list(changes.lines()) == ["+ user 4", "~ user 1: first_name", "- user 3", "- user 10"]
    assert changes.summary() == "users: 1 new, 1 changed, 2 removed, 1 the same"
    assert list(changes.records()) == [
        (b"4", b'{"id":4}'),
        (b"1", b'{"id":1}'),
        (b"3", None),
        (b"10", None),
    ]


def test_kinds_that_the_file_does_not_have_stay() -> None:
    """An export without a kind is no order to remove it; one whose every record is deleted has it."""
    reference = holding([*users(1), ("tasks", b"5", b'{"user_id": 1}')])

    assert changes_of(reference, []) == []
    (changes,) = changes_of(reference, [("users", b"1", None)])
    assert (changes.kind, changes.gone, bool(changes)) == ("users", [b"1"], True)


def test_a_file_that_only_deletes_removes_no_others() -> None:
    """A tombstone does not say that the rest of its kind is in the file."""
    reference = holding(users(1, 2, 3))

    (changes,) = changes_of(reference, [("users", b"2", None), ("users", b"9", None)])
    assert changes.gone == [b"2"]


def test_what_is_nested_too_deep_is_another_one() -> None:
    """No comparison ends in the depth of a record."""
    deep: list[tuple[Kind, bytes, bytes | None]] = [
        ("users", b"1", b'{"id":1,"x":' + b"[" * 900 + text + b"]" * 900 + b"}") for text in (b"1", b"2")
    ]
    (changes,) = changes_of(holding([deep[0]]), [deep[1]])

    assert list(changes.changed) == [b"1"]


def test_the_last_of_several_records_counts() -> None:
    """As it does when they are loaded."""
    reference = holding(users(1))

    (changes,) = changes_of(reference, [("users", b"1", None), *users(1)])
    assert (changes.gone, changes.same, bool(changes)) == ([], 1, False)


def test_a_file_that_was_cut_off_would_remove_too_much() -> None:
    """As of a sync, a tenth of what is held may go at once; of what it says itself that it is deleted any number."""
    held = users(*range(1, 2001))
    (cut,) = changes_of(holding(held), held[:12])
    (tenth,) = changes_of(holding(held), held[200:])
    (said,) = changes_of(holding(held), [*held[:12], *((kind, key, None) for kind, key, _ in held[12:])])

    assert cut.too_much(Policy()) == "of 2000 users 1988 are not in the files"
    assert [one.too_much(Policy()) for one in (tenth, said)] == ["", ""]
    assert cut.too_much(Policy(any_number=True)) == ""


def test_a_file_of_another_database_would_give_too_many_to_others() -> None:
    """Who is in an academy is what lets its staff see him."""
    held = users(*range(1, 201), academies=[1])
    moved, same = users(*range(1, 151), academies=[]), users(*range(151, 181), academies=[1])
    (changes,) = changes_of(holding(held), [*moved, *same])

    assert changes.too_much(Policy()) == "of 200 users 150 would belong to somebody else"
    narrow = changes.too_much(Policy(few=10, share=0.05))
    assert narrow == "of 200 users 20 are not in the files and 150 would belong to somebody else"
