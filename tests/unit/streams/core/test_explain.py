"""Why a score is what it is."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given

from streams.core.errors import UnknownAlgorithm
from streams.core.indicators import compute
from streams.core.indicators.explain import Explanation, Summand, explain
from streams.core.indicators.text import render
from streams.core.slim import slim
from tests.support.documents import documents
from tests.support.payloads import START, attempt, document, step
from tests.support.telemetry import any_payloads, sane_documents

PAYLOAD = document(
    step(
        "done",
        0,
        120.5,
        compilations=[attempt(10, 1), attempt(20, None), attempt(30, 0), attempt(40, 1)],
        tests=[attempt(50, 1), attempt(60, 0)],
    ),
    step("tried", 200, compilations=[attempt(210, 1, 260), attempt(None, 1)], tests=[attempt(300, 1, 500)]),
    step("left", 600),
    step("", compilations=[attempt(1, 1), attempt(2, 1)]),
    step("read", 700, 1000.25),
    last=3600,
    sessions=2,
)


def _terms(payload: dict[str, Any]) -> dict[str, Summand]:
    return {term.metric: term for score in explain(slim(payload)).scores for term in score.terms}


def _starts(*seconds: int | None) -> list[int | None]:
    return [None if second is None else (START + second * 1000) * 1000 for second in seconds]


def _check_sums(explanation: Explanation) -> None:
    for score in explanation.scores:
        assert sum(term.points for term in score.terms) == pytest.approx(score.value, abs=0.00501)
        for term in score.terms:
            assert term.points == term.normalised * term.weight
            if sum(mover.amount for mover in term.movers):
                assert sum(mover.points for mover in term.movers) == pytest.approx(term.points)


@pytest.mark.parametrize("name", documents())
def test_the_points_of_real_documents_add_up(name: str) -> None:
    """Terms add up to the score that is stored, and the steps' shares to their term."""
    document = slim(documents()[name])
    explanation = explain(document)
    engagement, frustration = explanation.scores

    assert (engagement.name, engagement.value) == ("engagement", compute(document).engagement_score)
    assert (frustration.name, frustration.value) == ("frustration", compute(document).frustration_score)
    _check_sums(explanation)


@given(sane_documents())
def test_points_add_up(payload: dict[str, Any]) -> None:
    """For every document of a sane clock the terms add up to the score, and the steps to their term."""
    _check_sums(explain(slim(payload)))


def test_every_term_has_its_metric_weight_and_steps() -> None:
    """Terms come in the order of the formula, with the metric, its part of what is full, its weight and its points."""
    terms = _terms(PAYLOAD)

    assert [
        (name, term.value, round(term.normalised, 2), term.weight, round(term.points, 2))
        for name, term in terms.items()
    ] == [
        ("total_time_on_platform", 3600.0, 10.0, 0.3, 3.0),
        ("num_sessions", 2, 40.0, 0.2, 8.0),
        ("completion_rate", 40.0, 40.0, 0.3, 12.0),
        ("total_interactions", 11, 11.0, 0.2, 2.2),
        ("steps_not_completed", 3, 60.0, 0.3, 18.0),
        ("time_on_incomplete", 2100.0, 11.67, 0.2, 2.33),
        ("avg_comp_struggles", 0.8, 8.0, 0.2, 1.6),
        ("avg_test_struggles", 0.4, 4.0, 0.2, 0.8),
        ("skipped_steps", 1, 20.0, 0.1, 2.0),
    ]


@pytest.mark.parametrize(
    ("metric", "movers"),
    [
        ("num_sessions", []),
        ("completion_rate", [("done", 0, "completed", 1, 6.0, []), ("read", 4, "completed", 1, 6.0, [])]),
        (
            "total_interactions",
            [
                ("done", 0, "completed", 6, 1.2, _starts(10, 20, 30, 40, 50, 60)),
                ("tried", 1, "attempted", 3, 0.6, _starts(210, None, 300)),
                ("", 3, "unread", 2, 0.4, _starts(1, 2)),
            ],
        ),
        (
            "steps_not_completed",
            [
                ("tried", 1, "attempted", 1, 6.0, []),
                ("left", 2, "skipped", 1, 6.0, []),
                ("", 3, "unread", 1, 6.0, []),
            ],
        ),
        ("time_on_incomplete", [("tried", 1, "attempted", 300.0, 0.33, []), ("left", 2, "skipped", 1800, 2.0, [])]),
        (
            "avg_comp_struggles",
            [
                ("done", 0, "completed", 2, 0.8, _starts(10, 20)),
                ("tried", 1, "attempted", 2, 0.8, _starts(210, None)),
            ],
        ),
        (
            "avg_test_struggles",
            [("done", 0, "completed", 1, 0.4, _starts(50)), ("tried", 1, "attempted", 1, 0.4, _starts(300))],
        ),
        ("skipped_steps", [("left", 2, "skipped", 1, 2.0, [])]),
    ],
)
def test_a_term_names_the_steps_and_attempts_that_moved_it(metric: str, movers: list[tuple[Any, ...]]) -> None:
    """Each step with its status, what it adds, its share of the points, and the starts of the attempts that count."""
    term = _terms(PAYLOAD)[metric]

    assert [
        (mover.slug, mover.position, mover.status, mover.amount, round(mover.points, 2), mover.starts)
        for mover in term.movers
    ] == movers


def test_the_text_tells_support_what_moved_a_score() -> None:
    """The text has each score, its terms with their points, and the steps and attempts behind them."""
    assert render(explain(slim(PAYLOAD))).splitlines() == [
        "Engagement 25.20 of 100 (5 steps, algorithm 1.0)",
        "    +3.00  time on the tutorial: 1 h 00 min (10.00 of 100, weight 0.3)",
        "    +8.00  sessions: 2 (40.00 of 100, weight 0.2)",
        "   +12.00  steps completed: 40 % (40.00 of 100, weight 0.3)",
        "      +6.00  done (completed)",
        "      +6.00  read (completed)",
        "    +2.20  compilations and tests: 11 (11.00 of 100, weight 0.2)",
        "      +1.20  done (completed): 6 attempts, 2025-03-03 09:00:10 to 2025-03-03 09:01:00",
        "      +0.60  tried (attempted): 3 attempts, 2025-03-03 09:03:30 to 2025-03-03 09:05:00",
        "      +0.40  step 3 (unread): 2 attempts, 2025-03-03 09:00:01 to 2025-03-03 09:00:02",
        "Frustration 24.73 of 100 (5 steps, algorithm 1.0)",
        "   +18.00  steps not completed: 3 (60.00 of 100, weight 0.3)",
        "      +6.00  tried (attempted)",
        "      +6.00  left (skipped)",
        "      +6.00  step 3 (unread)",
        "    +2.33  time on steps not completed: 35 min 00 s (11.67 of 100, weight 0.2)",
        "      +2.00  left (skipped): 30 min 00 s",
        "      +0.33  tried (attempted): 5 min 00 s",
        "    +1.60  failed compilations per step: 0.8 (8.00 of 100, weight 0.2)",
        "      +0.80  done (completed): 2 attempts, 2025-03-03 09:00:10 to 2025-03-03 09:00:20",
        "      +0.80  tried (attempted): 2 attempts, 2025-03-03 09:03:30",
        "    +0.80  failed tests per step: 0.4 (4.00 of 100, weight 0.2)",
        "      +0.40  done (completed): 1 attempt, 2025-03-03 09:00:50",
        "      +0.40  tried (attempted): 1 attempt, 2025-03-03 09:05:00",
        "    +2.00  steps skipped: 1 (20.00 of 100, weight 0.1)",
        "      +2.00  left (skipped)",
    ]


def test_the_text_sums_up_the_steps_that_moved_least() -> None:
    """Of many steps it names the five with the most points and adds up the others."""
    payload = document(*(step(f"s{n}", 0, 9, tests=[attempt(m, 0) for m in range(n)]) for n in range(8)), last=59)
    lines = render(explain(slim(payload))).splitlines()

    assert lines[1] == "    +0.05  time on the tutorial: 59 s (0.16 of 100, weight 0.3)"
    assert [line.split("(")[0].split()[-1] for line in lines[11:16]] == ["s7", "s6", "s5", "s4", "s3"]
    assert lines[16] == "      +0.60  2 more steps"


def test_the_text_shows_negative_times() -> None:
    """A clock that went back shows as a negative time with negative points."""
    lines = render(explain(slim(document(step("a", 0), last=-5400)))).splitlines()

    assert lines[0] == "Engagement -0.50 of 100 (1 step, algorithm 1.0)"
    assert lines[1] == "    -4.50  time on the tutorial: -1 h 30 min (-15.00 of 100, weight 0.3)"


def test_the_text_shows_no_control_characters() -> None:
    """A slug cannot steer the terminal that shows the text, nor flood it."""
    lines = render(explain(slim(document(step("a\n\x1b[2J", 0, 9), step("b" * 500, 0, 9))))).splitlines()

    assert lines[4] == "     +15.00  a\ufffd\ufffd[2J (completed)"
    assert lines[5] == f"     +15.00  {'b' * 79}… (completed)"


@given(any_payloads())
def test_every_document_can_be_explained(payload: dict[str, Any]) -> None:
    """Whatever a document holds, its explanation is written as text and as JSON."""
    explanation = explain(slim(payload))

    assert render(explanation).startswith("Engagement ")
    assert orjson.loads(msgspec.json.encode(explanation))["version"] == 1.0


def test_an_unknown_version_cannot_be_explained() -> None:
    """Asking for a version that does not exist says which ones do."""
    with pytest.raises(UnknownAlgorithm, match=r"choose one of: 1\.0, 1\.1"):
        explain(slim({}), 2.0)
