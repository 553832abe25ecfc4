"""A pass over the LMS's rows: what is written and removed, and what a wrong database may not do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest

from operations.directory_sync.compared import held_back_words
from operations.directory_sync.comparing import Comparison, Policy
from operations.directory_sync.held import Held
from operations.directory_sync.source import Key
from schemas.reference.revoking import REVOKED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from operations.directory_sync.compared import Compared
    from operations.directory_sync.source import Source
    from schemas.reference.lookup import Kind

NOW = 1_800_000_000_000_000
PAST, AHEAD = "2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z"


class Rows:
    """Rows of one kind by id as a source answers them: a page is all of them; `meanwhile` happens while it is read."""

    def __init__(self, rows: Iterable[dict[str, Any]], *, timed: bool) -> None:
        self._rows = {row["id"]: orjson.dumps(row).decode() for row in rows}
        self._timed = timed
        self.without_id = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def is_timed(self, _: Kind) -> bool:
        """Whether keys are asked for first."""
        return self._timed

    def keyless(self, _: Kind) -> int:
        """How many rows no page shows."""
        return self.without_id

    def keys(self, _: Kind, after: Key | None) -> list[Key]:
        """All keys."""
        return [] if after else [Key(number, orjson.loads(row)["updated_at"]) for number, row in self._rows.items()]

    def page(self, _: Kind, after: Key | None) -> list[tuple[Key, str]]:
        """All rows."""
        self.meanwhile()
        return [] if after else [(Key(number, None), row) for number, row in self._rows.items()]

    def records(self, _: Kind, ids: Sequence[int | str]) -> dict[int | str, str]:
        """Those of some ids."""
        self.meanwhile()
        return {number: row for number, row in self._rows.items() if number in ids}


def passed(
    held: Held, rows: Rows, kind: Kind = "tasks", *, policy: Policy | None = None, whole: bool = False
) -> Compared:
    """One pass, whose records are in the directory at once."""

    async def write(kind: Kind, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        for key, value in records:
            held.apply(kind, key, value)

    comparison = Comparison(cast("Source", rows), held, write, policy or Policy(), now=NOW, whole=whole)
    result = asyncio.run(comparison.run([kind]))
    assert result is not None
    return result[0]


def task(number: int, **fields: Any) -> dict[str, Any]:
    """A task of user 7."""
    return {"id": number, "user_id": 7, "updated_at": "x", **fields}


def compare(held: Held, ids: Sequence[int], *, timed: bool, policy: Policy | None = None) -> Compared:
    """One pass over tasks with these ids."""
    return passed(held, Rows(map(task, ids), timed=timed), policy=policy)


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("ids", [[5], range(1_000, 1_400)])
def test_a_wrong_database_removes_nothing_however_often_it_is_asked(ids: Sequence[int], *, timed: bool) -> None:
    """What it has itself is not written: it would be held next time, and what is to go a part of it."""
    held = Held(["tasks"])
    compare(held, range(100, 191), timed=timed)
    before = held.ours("tasks")

    for _ in range(3):
        did = compare(held, ids, timed=timed)
        assert (did.written, did.removed, did.held_back, did.left_out) == (0, 0, 91, len(ids))
        assert held.ours("tasks") == before

    did = compare(held, ids, timed=timed, policy=Policy(any_number=True))
    assert (did.written, did.removed) == (len(ids), 91)


@pytest.mark.parametrize("timed", [True, False])
def test_what_is_new_comes_beside_what_goes(*, timed: bool) -> None:
    """Where so much may go, it does in the same pass; and a key that is no id stays where it is."""
    held = Held(["tasks"])
    compare(held, range(100, 191), timed=timed)
    held.apply("tasks", b'"8"', b"{}")

    did = compare(held, range(101, 200), timed=timed)
    assert (did.rows, did.written, did.removed, did.left_out) == (99, 9, 1, 0)
    assert held.value("tasks", b'"8"') == b"{}"
    assert compare(held, range(101, 200), timed=timed).written == 0


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("academies", [[], [99]])
def test_not_many_become_somebody_else_s(academies: list[int], *, timed: bool) -> None:
    """Users whose memberships are not restored yet, or of a copy with the same ids: nothing of the kind changes."""
    people = [{"id": number, "academies": [1, 2], "updated_at": "v1"} for number in range(1, 1_001)]
    held = Held(["users"])
    passed(held, Rows(people, timed=timed), "users")
    before = {key: held.value("users", key) for key in held.ours("users")}

    others = [{"id": number, "academies": academies, "updated_at": "v2"} for number in range(2, 1_003)]
    for _ in range(2):
        did = passed(held, Rows(others, timed=timed), "users")
        assert (did.written, did.removed, did.unmoved, did.held_back, did.left_out) == (0, 0, 999, 1, 2)
        assert {key: held.value("users", key) for key in held.ours("users")} == before
        assert held_back_words([did]) == (
            "1 user that the LMS does not have, 999 users that would belong to somebody else, 2 new users"
        )

    did = passed(held, Rows(others, timed=timed), "users", policy=Policy(any_number=True))
    assert (did.written, did.removed, did.unmoved) == (1_001, 1, 0)


@pytest.mark.parametrize("timed", [True, False])
def test_a_few_become_somebody_else_s(*, timed: bool) -> None:
    """A hundred at once, or a tenth; whatever else changes, of however many, is written."""
    held = Held(["tasks"])
    passed(held, Rows(map(task, range(1_000)), timed=timed))

    moved = [task(number, user_id=8 if number < 100 else 7, title="New", updated_at="y") for number in range(1_000)]
    did = passed(held, Rows(moved, timed=timed))
    assert (did.written, did.unmoved) == (1_000, 0)
    assert b'"user_id":8' in (held.value("tasks", b"99") or b"")


def test_academies_in_another_order_are_the_same() -> None:
    """A list that somebody else wrote moves nobody."""
    held = Held(["users"])
    for number in range(50):
        held.apply("users", b"%d" % number, b'{"academies": ["2", 1]}')

    did = passed(held, Rows(({"id": number, "academies": [1, 2]} for number in range(50)), timed=False), "users")
    assert (did.written, did.unmoved) == (50, 0)


def token(number: int, expires: str | None) -> dict[str, Any]:
    """A token of the LMS's."""
    return {"id": f"{number:064x}", "user_id": 7, "expires_at": expires}


def test_tokens_that_have_ended_hold_nothing_up() -> None:
    """They go, however many they are, and count neither as gone nor as held; what was revoked here is one of them."""
    held = Held(["tokens"])
    for number in range(201):
        record = token(number, PAST if number < 200 else AHEAD)
        held.apply("tokens", record["id"].encode(), orjson.dumps({**record, "synced": True}))
    held.apply("tokens", b"f" * 64, REVOKED)

    did = passed(held, Rows([token(200, AHEAD), token(300, None)], timed=False), "tokens")
    assert (did.before, did.written, did.removed, did.left) == (1, 1, 201, 0)
    assert held.ours("tokens") == {token(number, None)["id"].encode() for number in (200, 300)}


def test_a_wrong_database_takes_no_mark_of_a_revoked_token_away() -> None:
    """Else it would be a token again with the right one."""
    held = Held(["tokens"])
    passed(held, Rows([token(number, None) for number in range(50)], timed=False), "tokens")
    held.apply("tokens", token(0, None)["id"].encode(), REVOKED)

    did = passed(held, Rows([], timed=False), "tokens")
    assert (did.removed, did.held_back) == (0, 49)
    assert held.value("tokens", token(0, None)["id"].encode()) == REVOKED


def test_what_moves_no_time_is_found_by_a_whole_pass() -> None:
    """`QuerySet.update` of Django leaves `updated_at` as it is."""
    held = Held(["tasks"])
    compare(held, range(50), timed=True)
    done = Rows((task(number, task_status="DONE") for number in range(50)), timed=True)

    assert passed(held, done).written == 0
    assert passed(held, done, whole=True).written == 50


@pytest.mark.parametrize("timed", [True, False])
def test_what_is_written_meanwhile_is_not_undone(*, timed: bool) -> None:
    """Who writes a record while a statement reads it knows more than that; the next pass compares the two."""
    held = Held(["tasks"])
    compare(held, range(5), timed=timed)
    rows = Rows((task(number, title="Old", updated_at="y") for number in range(4)), timed=timed)

    def meanwhile() -> None:
        for number in (0, 4, 5):
            held.apply("tasks", b"%d" % number, orjson.dumps(task(number, title="New", updated_at="z")))

    rows.meanwhile = meanwhile
    did = passed(held, rows)
    assert (did.written, did.removed) == (3, 0)
    assert b'"New"' in (held.value("tasks", b"0") or b"")
    assert held.value("tasks", b"4") is not None

    rows.meanwhile = lambda: None
    did = passed(held, rows)
    assert (did.written, did.removed) == (1, 2)


def test_rows_without_a_key_are_counted() -> None:
    """And said in one line."""
    rows = Rows([task(1)], timed=True)
    rows.without_id = 2
    did = passed(Held(["tasks"]), rows)

    assert (did.written, did.refused_rows) == (1, 2)
    assert did.refused == ["tasks: 2 rows whose `id` is null or negative"]
