"""Documents with what streamed events brought after them."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.overlay import LISTS, merge_document

_item = st.fixed_dictionaries({"started_at": st.integers(1, 9)})
_step = st.fixed_dictionaries(
    {"slug": st.sampled_from(["a", "b", "c"]), "position": st.none() | st.integers(0, 3)},
    optional={name: st.lists(_item, min_size=1, max_size=3) for name in LISTS}
    | {"opened_at": st.integers(1, 9), "completed_at": st.integers(1, 9)},
)
_overlay = st.fixed_dictionaries(
    {"last_interaction_at": st.none() | st.integers(1, 99), "steps": st.lists(_step, max_size=4)},
    optional={"root": st.dictionaries(st.sampled_from(["agent", "version"]), st.text(max_size=3))},
)
_document = st.none() | st.fixed_dictionaries(
    {"slug": st.just("tutorial")},
    optional={
        "steps": st.lists(_step, max_size=4),
        "last_interaction_at": st.none() | st.integers(1, 99) | st.just("x"),
    },
)


def _count(document: dict[str, Any] | None) -> int:
    return sum(len(step.get(name) or ()) for step in (document or {}).get("steps") or () for name in LISTS)


def test_nothing_on_top_gives_the_document_itself() -> None:
    """A document without an overlay is read as it was stored."""
    document = {"slug": "a"}

    assert merge_document(document, None) is document
    assert merge_document(None, None) is None
    assert merge_document(None, {}) is None


def test_items_are_appended_to_the_step_at_their_position() -> None:
    """A step is found by its position first, for slugs may be renamed."""
    document = {"steps": [{"slug": "a", "position": 0, "tests": [{"started_at": 1}]}, {"slug": "b", "position": 1}]}
    overlay = {"last_interaction_at": None, "steps": [{"slug": "x", "position": 0, "tests": [{"started_at": 2}]}]}

    merged = merge_document(document, overlay)

    assert merged is not None
    assert merged["steps"][0]["tests"] == [{"started_at": 1}, {"started_at": 2}]
    assert merged["steps"][0]["slug"] == "a"


def test_a_step_without_a_position_is_found_by_slug() -> None:
    """Older events carry no position."""
    document = {"steps": [{"slug": "a"}, {"slug": "b"}]}
    overlay = {"last_interaction_at": None, "steps": [{"slug": "b", "position": None, "opened_at": 5}]}

    merged = merge_document(document, overlay)

    assert merged == {"steps": [{"slug": "a"}, {"slug": "b", "opened_at": 5}]}


def test_a_new_step_stands_before_the_later_ones() -> None:
    """Steps stay in the order of their positions."""
    document = {"steps": [{"slug": "a", "position": 0}, {"slug": "c", "position": 2}]}
    overlay = {"last_interaction_at": None, "steps": [{"slug": "b", "position": 1}]}

    merged = merge_document(document, overlay)

    assert merged is not None
    assert [step["slug"] for step in merged["steps"]] == ["a", "b", "c"]


def test_instants_are_set_only_where_there_are_none() -> None:
    """The batch is the authority on when a step was opened and completed."""
    document = {"steps": [{"slug": "a", "position": 0, "opened_at": 1, "completed_at": None}]}
    overlay = {"last_interaction_at": None, "steps": [{"slug": "a", "position": 0, "opened_at": 7, "completed_at": 8}]}

    merged = merge_document(document, overlay)

    assert merged is not None
    assert merged["steps"][0] == {"slug": "a", "position": 0, "opened_at": 1, "completed_at": 8}


def test_the_last_interaction_only_rises() -> None:
    """A streamed event never makes a document look older."""
    assert merge_document({"last_interaction_at": 5}, {"last_interaction_at": 9}) == {"last_interaction_at": 9}
    assert merge_document({"last_interaction_at": 9}, {"last_interaction_at": 5}) == {"last_interaction_at": 9}
    assert merge_document({"slug": "a"}, {"last_interaction_at": 5}) == {"slug": "a", "last_interaction_at": 5}


def test_streamed_events_alone_make_a_document() -> None:
    """A student whose batches never came has one all the same."""
    overlay = {"last_interaction_at": 9, "root": {"slug": "a"}, "steps": [{"slug": "s", "position": 0, "opened_at": 9}]}

    assert merge_document(None, overlay) == {
        "slug": "a",
        "steps": [{"slug": "s", "position": 0, "opened_at": 9}],
        "last_interaction_at": 9,
    }


@given(_document, _overlay)
def test_no_item_is_lost_and_no_argument_changed(document: dict[str, Any] | None, overlay: dict[str, Any]) -> None:
    """Whatever is merged holds the items of both sides, and neither side knows of it."""
    before = copy.deepcopy((document, overlay))

    merged = merge_document(document, overlay)

    assert _count(merged) == _count(document) + _count(overlay)
    assert (document, overlay) == before
