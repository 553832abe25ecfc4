"""Of few items it is remembered that they were told, and none is told twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core import known_starts, working_state
from tests.support.core import Core, state_of
from tests.support.payloads import batch, compiled

_SMALL = 20


@pytest.fixture
def few_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few starts of told items are kept that a test passes the bound."""
    monkeypatch.setattr(known_starts, "KNOWN_STARTS", _SMALL)
    monkeypatch.setattr(working_state, "KNOWN_STARTS", _SMALL)


@pytest.mark.usefixtures("few_told")
def test_what_has_been_let_go_is_not_told_again(core: Core) -> None:
    """A document that repeats everything since the tutorial began tells each item once, though few are remembered."""
    for last in range(1, 100):
        core.send(batch(*range(last)))
    core.send(batch(*range(99), telemetry_id="another"))

    compilations = [row["item_id"] for row in core.facts if row["event"] == "compile"]
    assert len(compilations) == len(set(compilations)) == 99
    assert core.score()["metrics"]["global"]["metrics"]["total_interactions"] == 99


_webhooks = st.lists(
    st.one_of(
        st.builds(lambda starts: ("batch", sorted(starts)), st.lists(st.integers(0, 200), max_size=30, unique=True)),
        st.builds(lambda start: ("event", [start]), st.integers(0, 200)),
    ),
    max_size=30,
)


@given(_webhooks)
def test_nothing_is_ever_told_twice(webhooks: list[tuple[str, list[int]]]) -> None:
    """Whatever comes in whatever order: no item's fact is told a second time, and few starts are kept."""
    core = Core()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_starts, "KNOWN_STARTS", _SMALL)
        patch.setattr(working_state, "KNOWN_STARTS", _SMALL)
        for kind, starts in webhooks:
            core.send(batch(*starts) if kind == "batch" else compiled(starts[0]))

    told = [row["item_id"] for row in core.facts if row["event"] == "compile"]
    assert len(told) == len(set(told))
    if webhooks:
        assert all(len(seen.compilations) <= _SMALL for seen in state_of(core, "7", "tutorial").seen.values())


@given(st.permutations(range(12)), st.integers(1, 12))
def test_within_the_bound_nothing_depends_on_it(starts: list[int], size: int) -> None:
    """As many items as are kept, in any order and in chunks of any size, are told as without a bound."""
    core = Core()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_starts, "KNOWN_STARTS", 12)
        patch.setattr(working_state, "KNOWN_STARTS", 12)
        core.run([core.record(compiled(start)) for start in (*starts, *starts)], size)

    assert core.events().count(("compile", "01")) == 12
