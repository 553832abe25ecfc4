"""A pass over the LMS's rows: what is written and removed, and what a wrong database may not do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from operations.directory_sync.comparing import Compared, Comparison, Policy
from operations.directory_sync.held import Held
from operations.directory_sync.source import Key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from operations.directory_sync.source import Source
    from schemas.reference.lookup import Kind


class Rows:
    """Tasks by id as a source answers them: a page is all of them."""

    def __init__(self, ids: Sequence[int], *, timed: bool) -> None:
        self._rows = {number: f'{{"id":{number},"user_id":7,"updated_at":"x"}}' for number in ids}
        self._timed = timed

    def is_timed(self, _: Kind) -> bool:
        """Whether keys are asked for first."""
        return self._timed

    def keys(self, _: Kind, after: Key | None) -> list[Key]:
        """All keys."""
        return [] if after else [Key(number, "x") for number in self._rows]

    def page(self, _: Kind, after: Key | None) -> list[tuple[Key, str]]:
        """All rows."""
        return [] if after else [(Key(number, None), row) for number, row in self._rows.items()]

    def records(self, _: Kind, ids: Sequence[int | str]) -> dict[int | str, str]:
        """Those of some ids."""
        return {number: row for number, row in self._rows.items() if number in ids}


def compare(held: Held, ids: Sequence[int], *, timed: bool, policy: Policy | None = None) -> Compared:
    """One pass, whose records are in the directory at once."""

    async def write(kind: Kind, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        for key, value in records:
            held.apply(kind, key, value)

    source = cast("Source", Rows(ids, timed=timed))
    result = asyncio.run(Comparison(source, held, write, policy or Policy()).run(["tasks"]))
    assert result is not None
    return result[0]


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
