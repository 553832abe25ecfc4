"""The index from properties to ids."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.reference.index import Index

changes = st.lists(st.tuples(st.booleans(), st.sampled_from("ab"), st.integers(0, 4)))


@given(changes)
def test_an_index_is_a_dictionary_of_sets(steps: list[tuple[bool, str, int]]) -> None:
    """After any additions and removals it holds what a plain dictionary of sets holds."""
    index: Index[str] = Index()
    plain: dict[str, set[int]] = {"a": set(), "b": set()}
    for adding, name, number in steps:
        if adding:
            index.add(name, number)
            plain[name].add(number)
        else:
            index.remove(name, number)
            plain[name].discard(number)

    assert {name: set(index.all(name)) for name in plain} == plain
    assert {name: index.first(name) for name in plain} == {name: min(ids, default=None) for name, ids in plain.items()}
    assert list(index.all("never")) == []
