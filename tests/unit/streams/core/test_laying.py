"""Streamed items are laid over a document in bounded work, and find their steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from streams.core import chunk
from streams.core.errors import TooMuchAtOnce
from streams.core.overlaid import Overlaid, find_step
from streams.core.state import Attempt, Document, Overlay, Step
from tests.support.core import Core
from tests.support.payloads import compiled

if TYPE_CHECKING:
    import pytest

    from streams.core.chunk import Record

_SMALL = 20


def test_late_items_hold_nobody_up(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them has all others laid anew, so a chunk of them is processed in pieces, with the same result."""
    monkeypatch.setattr(chunk, "_MOST_LAID", _SMALL)
    records = [core.record(compiled(100 - at, event="test")) for at in range(30)]
    at_once = Core()

    def run(records: list[Record]) -> int:
        try:
            core.run(records)
        except TooMuchAtOnce:
            return run(records[: len(records) // 2]) + run(records[len(records) // 2 :])
        return 1

    pieces = run(records)
    with monkeypatch.context() as patch:
        patch.setattr(chunk, "_MOST_LAID", 1 << 60)
        at_once.run(records)

    assert pieces > 3
    assert (core.table, core.facts) == (at_once.table, at_once.facts)


@given(
    st.lists(st.tuples(st.integers(-1, 4), st.sampled_from(["a", "b", "", None, 1.0, True])), max_size=6),
    st.lists(st.tuples(st.none() | st.integers(0, 5), st.sampled_from(["a", "b", "c", ""])), max_size=12),
)
def test_a_view_finds_the_step_that_looking_through_all_finds(
    steps: list[tuple[int, Any]], places: list[tuple[int | None, str]]
) -> None:
    """Also of the steps that items themselves have brought."""
    view = Overlaid(Document("", None, None, 0, [Step(slug, position) for position, slug in steps]), [])
    for at, (position, slug) in enumerate(places):
        item = Overlay("compile", slug, position, at, at, at, Attempt(at, at, 0))

        index = view.find(item)

        assert index == find_step(view.document.steps, position, slug)
        view.apply(item, index)
