"""What a row of the LMS makes of a record."""

from __future__ import annotations

import orjson
import pytest

from operations.directory_sync.comparing import Policy
from operations.directory_sync.held import Held, is_as_old, merged
from schemas.reference.directory import LARGEST_RECORD
from schemas.reference.revoking import REVOKED

SHA = "ab" * 32


@pytest.mark.parametrize(
    ("held", "said", "expected"),
    [
        ("2026-04-15T10:35:00+00:00", "2026-04-15T10:35:00+00:00", True),
        ("2026-04-15T10:35:00Z", "2026-04-15T10:35:00+00:00", True),
        ("2026-04-15T10:35:00.5Z", "2026-04-15T10:35:00+00:00", False),
        (None, "2026-04-15T10:35:00+00:00", False),
        ("2026-04-15T10:35:00Z", None, False),
        ("version 1", "version 1", True),
        ("version 1", "version 2", False),
    ],
)
def test_times_are_the_same_in_whichever_form(held: str | None, said: str | None, *, expected: bool) -> None:
    """What is no time is compared as text; what does not say when it changed may have."""
    assert is_as_old("tasks", orjson.dumps({"id": 1, "updated_at": held}), said) is expected


@pytest.mark.parametrize("held", [b"", b"[]", b"{", b"\xff", b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"])
def test_what_cannot_be_read_is_written_anew(held: bytes) -> None:
    """Whoever has written it."""
    assert not is_as_old("users", held, "2026-04-15T10:35:00Z")
    assert merged("users", b"1", held, '{"id": 1}') == b'{"id": 1}'


def test_a_row_is_the_record_and_nothing_is_written_twice() -> None:
    """None where it says the same, whatever its order."""
    row = '{"id": 1, "first_name": "Ada", "academies": [4]}'

    assert merged("users", b"1", None, row) == row.encode()
    assert merged("users", b"1", b'{"academies":[4],"id":1,"first_name":"Ada"}', row) is None
    assert merged("users", b"1", b'{"id":1,"first_name":"Bob","academies":[4]}', row) == row.encode()


def test_what_was_published_of_an_asset_stays() -> None:
    """Fields that the query does not name, and those of package events where the row has null."""
    held = orjson.dumps(
        {"id": 1, "slug": "old", "title": "Old", "learnpack_id": 70, "manifest": {"x": 1}, "lang": "us"}
    )
    row = '{"id": 1, "slug": "new", "title": null, "learnpack_id": null, "lang": "es"}'
    value = merged("assets", b"1", held, row)

    assert value is not None
    assert orjson.loads(value) == {
        "id": 1,
        "slug": "new",
        "title": None,
        "learnpack_id": 70,
        "lang": "es",
        "manifest": {"x": 1},
    }
    assert merged("assets", b"1", value, row) is None


def test_what_others_wrote_of_a_record_stays() -> None:
    """Names in notebooks that the query does not have, and capabilities that a token was given here."""
    user = merged("users", b"1", b'{"id":1,"first_name":"Ada","notebook_names":["ADA"]}', '{"id":1,"first_name":"A"}')
    made_here = b'{"user_id":7,"academies":{"4":["crud_directory"]}}'
    token = merged("tokens", SHA.encode(), made_here, f'{{"id": "{SHA}", "user_id": 7}}')

    assert user is not None
    assert token is not None
    assert orjson.loads(user) == {"id": 1, "first_name": "A", "notebook_names": ["ADA"]}
    assert orjson.loads(token) == {"id": SHA, "user_id": 7, "academies": {"4": ["crud_directory"]}, "synced": True}
    assert not is_as_old("tokens", made_here[:-1] + b',"updated_at":"x"}', "x")
    assert is_as_old("tokens", token[:-1] + b',"updated_at":"x"}', "x")


def test_a_token_that_was_revoked_here_stays_so() -> None:
    """Whatever the LMS says of it, until it has it no more; what the LMS itself calls revoked it may change."""
    row = f'{{"id": "{SHA}", "user_id": 7}}'
    held = Held(["tokens"])
    held.apply("tokens", SHA.encode(), REVOKED)

    assert merged("tokens", SHA.encode(), REVOKED, row) is None
    assert is_as_old("tokens", REVOKED, "2026-04-15T10:35:00Z")
    assert held.ours("tokens") == {SHA.encode()}
    told = merged("tokens", SHA.encode(), row[:-1].encode() + b',"revoked":true}', row[:-1] + ',"revoked":false}')
    assert told is not None
    assert orjson.loads(told) == {"id": SHA, "user_id": 7, "revoked": False, "synced": True}


def test_keys_that_no_row_can_have_are_not_the_lms_s() -> None:
    """Whoever wrote them: they are neither asked for nor removed."""
    held = Held(["users", "tokens"])
    for key in (b'"8"', b"abc", b"\xff", b"08", b"-1", b"9223372036854775808", b"9", b"0"):
        held.apply("users", key, b"{}")
    held.apply("tokens", b"\xff", b'{"synced": true}')

    assert held.ours("users") == {b"9", b"0"}
    assert held.ours("tokens") == set()


def test_a_token_is_marked_as_the_lms_s() -> None:
    """So that it ends with the LMS's, and others do not."""
    value = merged("tokens", SHA.encode(), None, f'{{"id": "{SHA}", "user_id": 7, "academies": null}}')
    held = Held(["tokens", "users"])
    held.apply("tokens", SHA.encode(), value)
    held.apply("tokens", b"cd" * 32, b'{"user_id": 1}')
    held.apply("users", b"7", b"{}")
    held.apply("tasks", b"7", b"{}")

    assert value is not None
    assert held.ours("tokens") == {SHA.encode()}
    assert held.ours("users") == {b"7"}
    held.apply("users", b"7", None)
    assert held.ours("users") == set()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"id": 1, "academies": "4"}', "`academies` must be a list, not '4'"),
        ('{"id": 2}', "`id` is 2, but the key is 1"),
        (f'{{"id": 1, "x": {"[" * 5_000}{"]" * 5_000}}}', "not JSON"),
        (f'{{"id": 1, "x": "{"a" * LARGEST_RECORD}"}}', f"it is larger than {LARGEST_RECORD} bytes"),
    ],
)
def test_a_row_that_is_no_record_is_refused(row: str, reason: str) -> None:
    """With the field."""
    for held in (None, b'{"id": 1, "last_name": "L"}'):
        with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
            merged("users", b"1", held, row)


@pytest.mark.parametrize(
    ("gone", "held", "allowed"),
    [(0, 0, True), (10, 10, True), (11, 11, False), (99, 100, True), (101, 1_000, False), (500, 5_000, True)],
)
def test_so_much_is_removed_at_once(gone: int, held: int, *, allowed: bool) -> None:
    """A few always, else a tenth, and all only of hardly any; whoever says so removes all."""
    assert Policy().allows(gone, held) is allowed
    assert Policy(any_number=True).allows(gone, held)
