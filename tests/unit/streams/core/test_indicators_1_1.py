"""Version 1.1 of the indicators: how it differs from 1.0, and what must hold for every document."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any, get_args

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.settings import Settings
from streams.core.indicators import ALGORITHMS, Indicators, compute
from streams.core.indicators.explain import explain
from streams.core.policy import Policy
from streams.core.slim import slim
from tests.support.core import Core
from tests.support.documents import documents
from tests.support.examples import examples
from tests.support.payloads import attempt, document, milliseconds, step
from tests.support.telemetry import any_payloads, sane_documents

HOURS = 3600


def _computed(payload: dict[str, Any], version: float = 1.1) -> Indicators:
    return compute(slim(payload), version)


def _metrics(payload: dict[str, Any]) -> dict[str, Any]:
    metrics: dict[str, Any] = _computed(payload).result["global"]["metrics"]
    return metrics


def _quiz(start: float, status: str, quiz_hash: str = "q") -> dict[str, Any]:
    return {"started_at": milliseconds(start), "status": status, "quiz_hash": quiz_hash}


def test_an_example_by_hand() -> None:
    """Every metric and both scores of a document that holds one step of each status."""
    payload = document(
        step(
            "done",
            0,
            120,
            compilations=[attempt(10, 1), attempt(20, 0), attempt(30, 1)],
            quiz_submissions=[_quiz(40, "ERROR"), _quiz(50, "SUCCESS"), _quiz(60, "ERROR", "other")],
        ),
        step("tried", 200, tests=[attempt(210, 1, 260)], ai_interactions=[{"starting_at": milliseconds(300)}]),
        step("left", 600),
        step("ahead"),
        last=2 * HOURS,
        sessions=2,
    )
    found = _computed(payload)

    assert found.result["global"]["metrics"] == {
        "total_time_on_platform": 120.0 + 60.0 + 1800.0,
        "num_sessions": 2,
        "completion_rate": 25.0,
        "total_interactions": 8,
        "steps_not_completed": 2,
        "time_on_incomplete": 1860.0,
        "avg_comp_struggles": 0.33,
        "avg_test_struggles": 1.0,
        "skipped_steps": 1,
        "opened_steps": 3,
        "total_steps": 4,
    }
    # 0.3 * 11 + 0.2 * 40 + 0.3 * 25 + 0.2 * 8
    assert found.engagement_score == 20.4
    # 0.3 * 66.667 + 0.2 * 20.667 + 0.2 * 6.667 + 0.2 * 20 + 0.1 * 33.333
    assert found.frustration_score == 32.8
    assert [(own["metrics"]["status"], *own["indicators"].values()) for own in found.result["steps"]] == [
        ("completed", 6.67, 30.0),
        ("attempted", 3.33, 10.0),
        ("skipped", 0.0, 25.0),
        ("unread", 0.0, 0.0),
    ]
    assert (found.version, found.result["algo_version"], found.total_time) == (1.1, 1.1, 1980.0)


def test_a_tutorial_left_open_earns_nothing() -> None:
    """Hours without a step opened raise 1.0's engagement and not 1.1's."""
    short, long = (document(step("a", 0, 60), last=last) for last in (60, 9 * HOURS))

    assert _computed(long, 1.0).engagement_score > _computed(short, 1.0).engagement_score
    assert _computed(long) == _computed(short)


@pytest.mark.parametrize("payload", [document(step("a", 60, 0), last=0), document(step("a", 60), last=0)])
def test_a_clock_that_steps_back_leads_nowhere_below_0(payload: dict[str, Any]) -> None:
    """A step that ends before it begins took no time."""
    assert _metrics(payload)["total_time_on_platform"] == 0
    assert _computed(payload).engagement_score >= 0


def test_what_lies_ahead_frustrates_nobody() -> None:
    """Steps that were not opened yet raise 1.0's frustration and not 1.1's."""
    first = step("a", 0, 60)
    short, long = (document(first, *[step(f"s{n}") for n in range(count)], last=60) for count in (0, 9))

    assert _computed(long, 1.0).frustration_score > _computed(short, 1.0).frustration_score
    assert _computed(long).frustration_score == _computed(short).frustration_score == 0


def test_each_quiz_is_passed_on_its_own() -> None:
    """A quiz that was passed does not end the struggle with another one."""
    quizzes = [
        _quiz(1, "ERROR"),
        _quiz(2, "SUCCESS"),
        _quiz(3, "ERROR", "b"),
        _quiz(4, "ERROR"),
        _quiz(5, "ERROR", "b"),
    ]

    assert _metrics(document(step("a", 0, 9, quiz_submissions=quizzes)))["avg_test_struggles"] == 3


@given(any_payloads())
@settings(max_examples=examples(80))
def test_every_document_has_scores_between_0_and_100(payload: dict[str, Any]) -> None:
    """Whatever stands in any place and whatever the clock did, every score is from 0 to 100."""
    found = _computed(payload)

    assert orjson.loads(orjson.dumps(found.result))["algo_version"] == 1.1
    assert 0 <= found.engagement_score <= 100
    assert 0 <= found.frustration_score <= 100
    assert math.isfinite(found.total_time)
    assert found.total_time >= 0
    for own in found.result["steps"]:
        assert all(0 <= value <= 100 for value in own["indicators"].values())


@given(sane_documents(), st.data())
def test_the_order_of_lists_does_not_matter(payload: dict[str, Any], data: st.DataObject) -> None:
    """Attempts with different starts score the same in any order."""
    shuffled = deepcopy(payload)
    for own in shuffled["steps"]:
        for kind in ("compilations", "tests"):
            if kind in own:
                own[kind] = data.draw(st.permutations(own[kind]))

    assert _computed(shuffled) == _computed(payload)


@given(sane_documents(), st.sampled_from(["compilations", "tests"]))
def test_a_failure_never_lowers_a_score(payload: dict[str, Any], kind: str) -> None:
    """Another failure in an opened step lowers neither engagement nor frustration."""
    own: list[dict[str, Any]] = [{kind: [attempt(n, 1, 20) for n in range(count)]} for count in (1, 2)]
    before, after = (_computed({**payload, "steps": [*payload["steps"], step("x", 0, **one)]}) for one in own)

    assert after.engagement_score >= before.engagement_score
    assert after.frustration_score >= before.frustration_score


@given(sane_documents())
def test_versions_agree_on_what_is_complete(payload: dict[str, Any]) -> None:
    """Of compilations and tests alone, completion and the status of steps do not depend on the version."""
    old, new = _computed(payload, 1.0), _computed(payload)

    assert new.completion_rate == old.completion_rate
    for one, other in zip(old.result["steps"], new.result["steps"], strict=True):
        assert one["metrics"]["status"] == other["metrics"]["status"]


@pytest.mark.parametrize("name", documents())
def test_the_points_of_real_documents_add_up(name: str) -> None:
    """Of an explanation, terms add up to the score that is stored, and the steps' shares to their term."""
    slimmed = slim(documents()[name])
    found, explanation = compute(slimmed, 1.1), explain(slimmed, 1.1)

    assert explanation.version == 1.1
    assert [score.value for score in explanation.scores] == [found.engagement_score, found.frustration_score]
    for score in explanation.scores:
        assert sum(term.points for term in score.terms) == pytest.approx(score.value, abs=0.00501)
        for term in score.terms:
            if term.movers:
                assert sum(mover.points for mover in term.movers) == pytest.approx(term.points)


@given(any_payloads())
def test_what_moves_a_term_adds_up_to_its_metric(payload: dict[str, Any]) -> None:
    """The steps' amounts are the term's metric, or what it is the average or the share of."""
    slimmed = slim(payload)
    parts = {"completion_rate": len(slimmed.steps) / 100}
    opened = sum(own.opened is not None for own in slimmed.steps)
    parts |= dict.fromkeys(("avg_comp_struggles", "avg_test_struggles"), float(opened))
    for score in explain(slimmed, 1.1).scores:
        for term in score.terms:
            if term.metric != "num_sessions":
                whole = term.value * parts.get(term.metric, 1)
                assert sum(mover.amount for mover in term.movers) == pytest.approx(whole)


def test_the_setting_chooses_the_version_of_scores_and_staff_answers() -> None:
    """Scores rows carry the version that the setting names; without one it is 1.0."""
    payload = {**document(step("a", 0, 60), last=HOURS), "user_id": 7}
    chosen = (Settings(_env_file=None), 1.0), (Settings(_env_file=None, algorithm="1.1"), 1.1)
    for own, version in chosen:
        core = Core(policy=Policy.of(own))
        core.send(payload)
        (row,) = core.scores
        assert (row["metrics_algo_version"], row["metrics"]["algo_version"]) == (version, version)
        assert row["engagement_score"] == _computed(payload, version).engagement_score


def test_every_version_can_be_chosen() -> None:
    """The setting takes the versions that there are, and no other."""
    names = get_args(Settings.model_fields["algorithm"].annotation)

    assert {float(name) for name in names} == set(ALGORITHMS)
