"""What must hold of the indicators for every document."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.indicators import Indicators, compute
from streams.core.slim import slim
from tests.support.examples import examples
from tests.support.payloads import attempt, step
from tests.support.telemetry import any_payloads, sane_documents


def _computed(payload: dict[str, Any]) -> Indicators:
    return compute(slim(payload))


def _with(payload: dict[str, Any], *steps: dict[str, Any]) -> Indicators:
    """The indicators of the payload with these steps behind its own."""
    return _computed({**payload, "steps": [*payload["steps"], *steps]})


@given(any_payloads())
@settings(max_examples=examples(80))
def test_no_json_value_raises(payload: dict[str, Any]) -> None:
    """Whatever stands in any place, there is a result of finite numbers, with a step for each step."""
    document = slim(payload)
    found = compute(document)

    assert orjson.loads(orjson.dumps(found.result))["algo_version"] == 1.0
    assert len(found.result["steps"]) == len(document.steps)
    assert math.isfinite(found.engagement_score)
    assert math.isfinite(found.frustration_score)
    assert 0 <= found.completion_rate <= 100


@given(sane_documents())
def test_scores_are_between_0_and_100(payload: dict[str, Any]) -> None:
    """Where the clock runs forward, every score of the document and of its steps is from 0 to 100."""
    found = _computed(payload)

    assert 0 <= found.engagement_score <= 100
    assert 0 <= found.frustration_score <= 100
    for own in found.result["steps"]:
        assert all(0 <= value <= 100 for value in own["indicators"].values())


@given(sane_documents())
def test_computing_changes_nothing(payload: dict[str, Any]) -> None:
    """The payload and the document stay as they were, so a second computation agrees with the first."""
    before = deepcopy(payload)
    document = slim(payload)

    assert compute(document) == compute(document)
    assert payload == before


@given(sane_documents(), st.data())
def test_the_order_of_lists_does_not_matter(payload: dict[str, Any], data: st.DataObject) -> None:
    """Attempts with different starts score the same in any order."""
    shuffled = deepcopy(payload)
    for own in shuffled["steps"]:
        for kind in ("compilations", "tests"):
            if kind in own:
                own[kind] = data.draw(st.permutations(own[kind]))

    assert _computed(shuffled) == _computed(payload)


@given(sane_documents(), st.integers(1, 5), st.integers(1, 90_000))
def test_engagement_grows_with_sessions_and_time(payload: dict[str, Any], sessions: int, seconds: int) -> None:
    """Another session or a later last interaction never lowers engagement."""
    more = deepcopy(payload)
    more["workout_session"] += [{}] * sessions
    longer = deepcopy(payload)
    longer["last_interaction_at"] += seconds * 1000

    assert _computed(more).engagement_score >= _computed(payload).engagement_score
    assert _computed(longer).engagement_score >= _computed(payload).engagement_score


_CODES = st.lists(st.sampled_from([0, 1, None]), max_size=5)
_KINDS = st.sampled_from(["compilations", "tests"])


@given(sane_documents(), _KINDS, _CODES)
def test_a_completion_raises_engagement(payload: dict[str, Any], kind: str, codes: list[int | None]) -> None:
    """Completing a step raises the completion rate and engagement, whatever was attempted in it."""
    lists: dict[str, Any] = {kind: [attempt(n, code) for n, code in enumerate(codes)]}
    before, after = _with(payload, step("x", 0, **lists)), _with(payload, step("x", 0, 9, **lists))

    assert after.completion_rate > before.completion_rate
    assert after.engagement_score > before.engagement_score


@given(sane_documents(), _KINDS, _CODES, st.none() | st.just(99), st.integers(0, 9))
def test_a_failure_never_lowers_a_score(
    payload: dict[str, Any], kind: str, codes: list[int | None], completed: int | None, start: int
) -> None:
    """Another failure, wherever it falls among the attempts of a step, lowers neither engagement nor frustration."""
    # The first attempt, because a skipped step is more frustrating than an attempted one.
    lists = {kind: [attempt(0, 1, 20), *(attempt(n, code) for n, code in enumerate(codes, 1))]}
    more = {kind: [*lists[kind], attempt(start, 1)]}
    before, after = _with(payload, step("x", 0, completed, **lists)), _with(payload, step("x", 0, completed, **more))

    assert after.engagement_score >= before.engagement_score
    assert after.frustration_score >= before.frustration_score


@given(sane_documents(), _KINDS, _CODES, st.sampled_from([0, 1]))
def test_what_follows_the_first_success_is_no_struggle(
    payload: dict[str, Any], kind: str, codes: list[int | None], code: int
) -> None:
    """Attempts of a completed step after its first success leave frustration as it is."""
    lists = {kind: [*(attempt(n, code) for n, code in enumerate(codes)), attempt(10, 0)]}
    more = {kind: [*lists[kind], attempt(11, code)]}

    assert (
        _with(payload, step("x", 0, 99, **lists)).frustration_score
        == _with(payload, step("x", 0, 99, **more)).frustration_score
    )


@given(sane_documents())
def test_leaving_a_step_unfinished_is_frustrating(payload: dict[str, Any]) -> None:
    """Opening a step and doing nothing is more frustrating than not opening it."""
    assert _with(payload, step("x", 0)).frustration_score > _with(payload, step("x")).frustration_score


@given(sane_documents(), st.integers(1, 86_400_000 * 400))
def test_only_differences_of_times_count(payload: dict[str, Any], shift: int) -> None:
    """A clock that is wrong all the time by the same span changes nothing."""
    moved = orjson.loads(orjson.dumps(payload))

    def move(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: inner + shift if name.endswith("_at") and inner is not None else move(inner)
                for name, inner in value.items()
            }
        return [move(inner) for inner in value] if isinstance(value, list) else value

    assert _computed(move(moved)) == _computed(payload)
