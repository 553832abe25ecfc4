"""What pages make of figures: the hardest steps, cells of a grid, terms of a score, changes of a letter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.charts import line
from gateway.console.letter import patch_between, place_of_error, shown_value
from gateway.console.operations import generations_of, silent, summary
from gateway.console.student import work_address
from gateway.console.tutorial import cell_mark, hardest, with_bars
from gateway.console.tutorials import tutorial_address
from gateway.console.webhook import pretty
from gateway.console.work import explained_scores
from schemas.json_patch import patched

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)
)


def step(slug: str, tries: int, failures: int, **more: int) -> dict[str, Any]:
    """A step of a funnel."""
    share = round(100 * failures / max(1, tries), 1)
    return {"step_slug": slug, "tries": tries, "failures": failures, "failed_percent": share, **more}


def test_the_hardest_steps_are_those_that_fail_most() -> None:
    """Three at most, and none of which nobody knows anything."""
    steps = [step("a", 10, 9), step("b", 4, 4), step("c", 10, 0), step("d", 20, 18), step("e", 9, 3), step("f", 9, 2)]

    assert [one["step_slug"] for one in hardest(steps)] == ["d", "a", "e"]


def test_bars_are_as_long_as_the_most_is() -> None:
    """And nothing is divided by nothing."""
    most, steps = with_bars([step("a", 0, 0, opened=4, attempted=1, completed=0)])

    assert (most, steps[0]["bars"]) == (4, {"opened": 1000, "attempted": 250, "completed": 0})
    assert with_bars([step("a", 0, 0, opened=0, attempted=0, completed=0)])[1][0]["bars"]["opened"] == 0
    assert with_bars([]) == (0, [])


@pytest.mark.parametrize(
    ("state", "failures", "mark"),
    [("completed", 3, "✓"), ("attempted", 3, "3"), ("attempted", 0, "●"), ("opened", 0, "○")],
)
def test_cells_are_told_by_signs(state: str, failures: int, mark: str) -> None:
    """Never by colour alone."""
    assert cell_mark({"state": state, "failures": failures}) == mark
    assert cell_mark(None) == ""


def test_terms_add_up_to_the_bar() -> None:
    """One after another, with the steps that moved each most before the others."""
    movers = [{"points": points} for points in (1.0, -4.0, 2.0, 0.5, 0.1, 0.2)]
    terms = [
        {"metric": "a", "points": 12.5, "weight": 0.3, "movers": movers},
        {"metric": "b", "points": 7.5, "weight": 0.2, "movers": []},
    ]
    (score,) = explained_scores({"scores": [{"name": "engagement", "value": 20.0, "terms": terms}]})

    assert [(term["start"], term["length"], term["most"]) for term in score["terms"]] == [(0, 125, 30), (125, 75, 20)]
    assert [mover["points"] for mover in score["terms"][0]["movers"]] == [-4.0, 2.0, 1.0, 0.5, 0.2]
    assert score["terms"][0]["more"] == 1
    assert explained_scores(None) == []


@given(JSON, JSON)
def test_a_change_is_the_patch_that_makes_it(before: Any, after: Any) -> None:
    """Whatever was edited into whatever."""
    assert patched(before, patch_between(before, after)) == after


def test_what_is_not_changed_is_not_sent() -> None:
    """So keys that a page does not show stay."""
    assert patch_between({"a": 1, "b/~": 2}, {"a": 1, "b/~": 3, "c": 4}) == [
        {"op": "replace", "path": "/b~1~0", "value": 3},
        {"op": "add", "path": "/c", "value": 4},
    ]
    assert patch_between({"a": 1}, {"a": True}) == [{"op": "replace", "path": "/a", "value": True}]
    assert patch_between([1], [1]) == []
    steps = [{"slug": "a", "tries": 1}, {"slug": "b", "tries": 2}]
    after = {"steps": [steps[0], {"slug": "c"}], "of": {"x": 1}}
    assert patch_between({"steps": steps, "of": {"x": 1, "y": 2}}, after) == [
        {"op": "remove", "path": "/steps/1/tries"},
        {"op": "replace", "path": "/steps/1/slug", "value": "c"},
        {"op": "remove", "path": "/of/y"},
    ]
    hidden = {"token": "t", "steps": [{"slug": "a", "token": "t"}]}
    edited = patch_between({"steps": [{"slug": "a"}]}, {"steps": [{"slug": "b"}]})
    assert patched(hidden, edited) == {"token": "t", "steps": [{"slug": "b", "token": "t"}]}
    assert patch_between({"a": [1]}, {"a": [1, 2]}) == [{"op": "replace", "path": "/a", "value": [1, 2]}]
    assert (shown_value("{not"), shown_value('{"a":1}'), shown_value(None)) == ("{not", '{\n  "a": 1\n}', "")


def test_slugs_stay_within_the_query() -> None:
    """No slug is a path, and none ends a text of SQL."""
    assert work_address(7, "../../x?y#z", "a&b") == "/console/students/7/tutorial?slug=..%2F..%2Fx%3Fy%23z&step=a%26b"
    assert tutorial_address("../x") == "/console/tutorials/one?slug=..%2Fx"


def test_lines_stay_in_the_field() -> None:
    """What is missing is left out, what lies beyond is at the edge."""
    assert line([(0, 0), (0.5, None), (0.5, 50), (1, 130)]) == "0,1000 500,500 1000,0"


def test_long_payloads_are_cut() -> None:
    """With a word that they are."""
    assert pretty({"a": 1}) == ('{\n  "a": 1\n}', False)
    assert pretty("x" * 100_000)[1]


def test_generations_say_what_they_are_kept_for() -> None:
    """And parts whether they work."""
    journal = {"live": 3, "previous": 2, "target": None, "generations": [{"number": 1}, {"number": 2}, {"number": 3}]}

    assert [(one["number"], one["role"]) for one in generations_of(journal)] == [
        (3, "live"),
        (2, "previous"),
        (1, "other"),
    ]
    assert summary("en", {"kafka": "ok", "worker": "ok"}) == "Every part works."
    assert summary("en", {"kafka": "ok", "worker": "away"}) == "These parts do not work: worker."


def test_the_place_that_a_reason_names_is_shown_with_what_is_around_it() -> None:
    """Behind a long value its beginning and its end are left out; a reason without a place shows none."""
    text = "a" * 200 + "!" + "b" * 200

    assert place_of_error("unexpected character (char 200)", text) == ("…" + "a" * 60, "!", "b" * 60 + "…")
    assert place_of_error("unexpected end (char 3)", "{ab") == ("{a", "b", "")
    assert [place_of_error(why, "{ab") for why in ("no slug", "far (char 99)")] == [None, None]
    assert place_of_error("empty (char 0)", "") is None


def test_a_process_that_runs_and_reads_nothing_is_told_apart() -> None:
    """Only where no member of its part's group is there."""
    processes = [{"name": name, "state": state} for name, state in (("worker-1", "running"), ("sink", "running"))]
    ended = [{"name": "worker-2", "state": "ended"}]

    assert silent({"worker": "no process runs", "sink": "ok"}, [*processes, *ended]) == ["worker-1"]
    assert silent({"worker": "ok", "sink": "ok"}, processes) == []
