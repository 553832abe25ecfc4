"""Hypothesis strategies for telemetry documents: any shape at all, and what a student with a sane clock leaves."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.support.payloads import attempt, document, step
from tests.support.strategies import json_objects, json_values

__all__ = ["any_payloads", "sane_documents"]

_LISTS = ("compilations", "tests", "ai_interactions", "quiz_submissions", "testeable_elements")
_ITEM_KEYS = (
    *("started_at", "starting_at", "ended_at", "ending_at", "exit_code"),
    *("status", "quiz_hash", "hash", "type", "is_completed"),
)


def any_payloads() -> st.SearchStrategy[dict[str, Any]]:
    """Documents with any JSON value in any place, mostly in places that matter."""
    items = json_values() | st.lists(json_values() | json_objects(*_ITEM_KEYS), max_size=3)
    times = st.integers(0, 2_000_000_000_000) | json_values()
    steps = st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("slug", "position", "is_testeable"), json_values()),
            **dict.fromkeys(("opened_at", "completed_at"), times),
            **dict.fromkeys(_LISTS, items),
        },
    )
    return st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("telemetry_id", "workout_session"), json_values()),
            **dict.fromkeys(("tutorial_started_at", "last_interaction_at"), times),
            "steps": json_values() | st.lists(json_values() | steps, max_size=3),
        },
    )


@st.composite
def _sane_step(draw: st.DrawFn, slug: str, opened: int) -> tuple[dict[str, Any], int]:
    """A step and when the student left it; the attempts have starts of their own."""
    if draw(st.booleans()) and draw(st.booleans()):
        return step(slug), opened
    now = opened
    lists: dict[str, list[dict[str, Any]]] = {"compilations": [], "tests": []}
    for kind, code, pause, span in draw(
        st.lists(
            st.tuples(
                st.sampled_from(list(lists)),
                st.sampled_from([0, 1, 2, None]),
                st.integers(1, 900),
                st.integers(0, 60),
            ),
            max_size=5,
        )
    ):
        lists[kind].append(attempt(now + pause, code, now + pause + span))
        now += pause + span
    completed = now + draw(st.integers(0, 900)) if draw(st.booleans()) else None
    return step(slug, opened, completed, **lists), completed or now


@st.composite
def sane_documents(draw: st.DrawFn) -> dict[str, Any]:
    """What a student leaves who goes from step to step while the clock runs forward."""
    now = draw(st.integers(0, 600))
    steps = []
    for number in range(draw(st.integers(0, 4))):
        made, now = draw(_sane_step(f"{number:02}-step", now))
        steps.append(made)
        now += draw(st.integers(0, 3600))
    return document(*steps, last=now, sessions=draw(st.integers(0, 8)))
