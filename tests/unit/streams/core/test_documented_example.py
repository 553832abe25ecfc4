"""The telemetry document of LearnPack's own page about telemetry, with every fact and score that follows from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from tests.support.core import Core

DOCUMENT: Final[dict[str, Any]] = orjson.loads(
    (Path(__file__).parents[3] / "data" / "telemetry-configuration.json").read_bytes()
)
OBTAIN, WRITE = "01.1-obtain-api-key", "02-write-your-first-prompt-"

# Event, step, its position, when it happened; exit code, success, milliseconds, bytes of code and of output.
FACTS: Final = [
    ("start_tutorial", "", None, "16:59:27.826", None, None, None, None, None),
    ("start_session", "", None, "16:59:27.826", None, None, None, None, None),
    ("start_session", "", None, "17:05:52.333", None, None, None, None, None),
    ("open_step", OBTAIN, 3, "17:04:26.688", None, None, None, None, None),
    ("compile", OBTAIN, 3, "17:04:44.140", None, False, 2_505, 427, 1_125),
    ("test", OBTAIN, 3, "17:04:53.013", 0, True, 593, 427, 493),
    ("complete_step", OBTAIN, 3, "17:04:53.606", None, None, 26_918, None, None),
    ("open_step", WRITE, 4, "17:04:35.020", None, None, None, None, None),
    ("test", WRITE, 4, "17:05:11.284", 1, False, 2_450, None, 3_780),
]


def told() -> Core:
    """A worker's core that was sent the document by student 20128."""
    core = Core()
    core.send({**DOCUMENT, "user_id": 20_128})
    return core


def test_its_facts_are_these() -> None:
    """Nine things happened, each with its own time, code and sizes; what was not sent has no size."""
    columns = (
        *("event", "step_slug", "step_position", "occurred_at", "exit_code", "succeeded", "duration_ms"),
        *("code_bytes", "output_bytes"),
    )
    facts = told().facts

    assert [tuple(fact[name] for name in columns) for fact in facts] == [
        (*fact[:3], f"2024-06-12 {fact[3]}", *fact[4:]) for fact in FACTS
    ]
    assert [fact["properties"] for fact in facts] == [
        {"agent": "vscode"},
        {"agent": "vscode"},
        {"agent": "vscode"},
        {"files": 5},
        {"signal": "SIGTERM", "memoryUsage": 532_480, "cpuUsage": 0},
        {},
        {},
        {"files": 5},
        {},
    ]
    assert {fact["user_id"] for fact in facts} == {20_128}
    assert {fact["asset_slug"] for fact in facts} == {"prompt-engineering-for-beginners"}


def test_its_scores_are_these() -> None:
    """345.909 s, 2 sessions, a third of the steps and 3 attempts, by the formulas of algorithm 1.0."""
    score = told().score()
    engagement = 0.3 * 345.909 / 36_000 * 100 + 0.2 * 2 / 5 * 100 + 0.3 * 100 / 3 + 0.2 * 3 / 100 * 100
    frustration = 0.3 * 200 / 3 + 0.2 * 38.714 / 18_000 * 100 + 2 * 0.2 * (1 / 3) / 10 * 100

    assert (score["engagement_score"], score["frustration_score"]) == (18.89, 21.38)
    assert (round(engagement, 2), round(frustration, 2)) == (18.89, 21.38)
    assert (score["completion_rate"], score["total_time_seconds"]) == (33.33, 345.91)
    assert score["last_interaction_at"] == "2024-06-12 17:05:13.735"
    assert score["metrics"]["global"]["metrics"] == {
        "total_time_on_platform": 345.91,
        "num_sessions": 2,
        "completion_rate": 33.33,
        "total_interactions": 3,
        "steps_not_completed": 2,
        "time_on_incomplete": 38.71,
        "avg_comp_struggles": 0.33,
        "avg_test_struggles": 0.33,
        "skipped_steps": 0,
        "total_steps": 3,
    }
    assert [
        (step["slug"], *step["metrics"].values(), *step["indicators"].values()) for step in score["metrics"]["steps"]
    ] == [
        ("00-welcome", "unread", 0, 0, 0, 0, 0.0),
        (OBTAIN, "completed", 26.92, 1, 0, 0.75, 5.0),
        (WRITE, "attempted", 38.71, 0, 1, 1.08, 2.15),
    ]
