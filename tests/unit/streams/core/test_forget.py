"""A student who is forgotten leaves nothing in the state."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.core import Core
from tests.support.payloads import attempt, document, step


def batch(user: int, slug: str = "lists") -> dict[str, Any]:
    """A document of a student with one compilation."""
    return {**document(step("a", 0, compilations=[attempt(1, 0)]), last=9), "user_id": user, "slug": slug}


FORGET = {"command": "student.forget", "user_id": "7", "asset_slugs": ["lists", "loops"], "telemetry_ids": ["t-1"]}


def test_the_state_is_as_if_the_student_had_never_been() -> None:
    """Tombstones for states, sessions and the student; the others stay; the documents are taken back."""
    core, alone = Core(), Core()
    for user, slug in ((7, "lists"), (8, "lists"), (7, "loops")):
        core.send(batch(user, slug))
    alone.offset = core.offset - 2
    assert core.send(FORGET, source="staff")["result"] == {"status": "forgotten"}

    assert [key for key in core.table if b"7" in key.replace(b"8:", b"")] == []
    assert len(core.table) == 3
    assert core.telemetry[b"7:lists"][0] is core.telemetry[b"7:loops"][0] is None
    assert core.telemetry[b"8:lists"][0] is not None


@pytest.mark.parametrize("size", [1, 10])
def test_whoever_comes_back_begins_anew(size: int) -> None:
    """The same document is told again, with the same facts, also within the chunk of the command."""
    core = Core()
    records = [
        core.record(batch(7)),
        core.record(FORGET, source="staff"),
        core.record(batch(7)),
    ]
    core.run(records, size)

    told = [row for row in core.facts if row["event"] == "compile"]
    assert [row["webhook_id"] for row in told] == [0, 2]
    assert core.outcomes[-1]["verdict"] == "stored"
    (state,) = (key for key in core.table if key.startswith(b"s"))
    assert state.endswith(b"lists")
