"""Real documents, as LearnPack's clients wrote them on students' machines."""

from __future__ import annotations

from collections import Counter
from typing import Any

from streams.core.slim import items_of, steps_of
from tests.support.core import MORNING, Core
from tests.support.documents import histories

_LISTS = {
    "compile": "compilations",
    "test": "tests",
    "ai_interaction": "ai_interactions",
    "quiz_submission": "quiz_submissions",
}


def _told(document: dict[str, Any]) -> set[tuple[str, str, Any]]:
    """What a document says was done: (event, step, own start; None for what happens once)."""
    told: set[tuple[str, str, Any]] = {("start_tutorial", "", None)}
    told |= {("start_session", "", session["started_at"]) for session in document["workout_session"]}
    for step in steps_of(document):
        for event, field in _LISTS.items():
            told |= {
                (event, step["slug"], item.get("starting_at", item.get("started_at"))) for item in items_of(step, field)
            }
        told |= {("open_step", step["slug"], None)} if step.get("opened_at") else set()
        told |= {("complete_step", step["slug"], None)} if step.get("completed_at") else set()
    return told


def test_a_history_tells_each_item_once() -> None:
    """Batch after batch of a student: every item of any of them is one fact, and every batch has one outcome."""
    for number, documents in histories().items():
        core = Core()
        user = 20_000 + number
        for place, document in enumerate(documents):
            core.send(
                {**document, "user_id": user, "slug": document["slug"] or "unnamed"}, at=MORNING + place * 3_600_000
            )
        expected = Counter(event for event, _, _ in set().union(*map(_told, documents)))

        assert Counter(row["event"] for row in core.facts) == expected
        assert len({row["item_id"] for row in core.facts}) == len(core.facts)
        assert len(core.outcomes) == len(documents)
        assert {row["status"] for row in core.outcomes} <= {"DONE", "IGNORED"}


def test_the_scores_row_of_a_batch_is_that_of_its_document() -> None:
    """A state kept slim through a whole history scores as its last stored document does alone."""
    for number, documents in histories().items():
        core, alone = Core(), Core()
        last = {**documents[-1], "user_id": 1, "slug": documents[-1]["slug"] or "unnamed"}
        for place, document in enumerate(documents[:-1]):
            core.send({**document, "user_id": 1, "slug": last["slug"]}, at=MORNING + place)
        outcome = core.send(last, at=MORNING + 1_000)
        alone.send(last, at=MORNING + 1_000)

        if outcome["status"] == "DONE":
            assert core.score()["metrics"] == alone.score()["metrics"], number
