"""What a student does: tutorials with scores over days, the timeline of one, and why its scores are what they are."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.insights.sql import DAY_SCORES, SCORES, TIMELINE, TIMELINE_LENGTH
from gateway.reading.documents import find_documents, read_texts
from gateway.reading.shown import iso_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.insights.days import DaySpan
    from gateway.insights.sight import Sight
    from gateway.reading.explaining import Explain
    from gateway.reading.questions import Questions

__all__ = ["find_explanation", "find_scores", "find_timeline", "shown_explanation", "timeline_rows"]

_MOST_TUTORIALS: Final = 500
_MOST_DAYS: Final = 2_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Scores are rounded to two decimals.
_ROUNDING: Final = 0.005001


async def find_scores(
    questions: Questions, sight: Sight, student: int | str, days: DaySpan, tutorial: str = ""
) -> list[dict[str, Any]]:
    """A student's tutorials with their scores, now and at the end of each of these days on which they changed.

    `student` is a user id, or the name of whoever has none. Those that were worked at last come first; only `tutorial`
    if one is named. Raises BusyError and ReadError.
    """
    parameters = {"actor": str(student), "tutorial": tutorial}
    scores, by_day = await asyncio.gather(
        questions.rows(SCORES, {**parameters, "limit": _MOST_TUTORIALS}),
        questions.rows(DAY_SCORES, {**parameters, **days.parameters(), "limit": _MOST_DAYS}),
    )
    by_slug: dict[str, list[dict[str, Any]]] = {}
    # Asked for from the last day back, so that where they are too many the oldest are missing.
    for row in reversed(by_day):
        by_slug.setdefault(row.pop("asset_slug"), []).append({**row, "day": str(row["day"])})
    return [
        {
            **row,
            "asset_title": sight.title(row["asset_slug"]),
            **{name: _instant(row[name]) for name in ("last_interaction_at", "finished_at", "updated_at")},
            "days": by_slug.get(row["asset_slug"], []),
        }
        for row in scores
    ]


def _instant(value: datetime | None) -> str | None:
    return None if value is None else iso_instant(value)


async def find_timeline(
    questions: Questions, student: int, tutorial: str, *, limit: int, offset: int
) -> tuple[int, list[dict[str, Any]]]:
    """How much a student did in a tutorial, and what of it stands at these places, the newest first.

    Raises BusyError and ReadError.
    """
    parameters = {"actor": str(student), "tutorial": tutorial}
    counted, rows = await asyncio.gather(
        questions.rows(TIMELINE_LENGTH, parameters),
        questions.rows(TIMELINE, {**parameters, "limit": limit, "offset": offset}),
    )
    return counted[0]["things"], timeline_rows(rows)


def timeline_rows(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Facts as a timeline shows them."""
    return [
        {
            **row,
            "occurred_at": iso_instant(row["occurred_at"]),
            "received_at": iso_instant(row["received_at"]),
            "agent": row["agent"] or None,
        }
        for row in rows
    ]


async def find_explanation(
    questions: Questions, explain: Explain, student: int | str, scores: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Why the scores of a student's tutorial (of `find_scores`) are what they are.

    None where there is no document, nothing was computed, or by a version that is not there. Raises BusyError and
    ReadError.
    """
    version = scores["algorithm"]
    found = await find_documents(questions, [str(student)], [scores["asset_slug"]]) if version is not None else []
    async with questions.room(sum(known.bytes for known in found)):
        texts = await read_texts(questions, found)
        text = next((fragment for fragment in texts if fragment is not None), None)
        if text is None:
            return None
        return await asyncio.to_thread(
            lambda: shown_explanation(explain(orjson.loads(orjson.dumps(text)), version), scores)
        )


def shown_explanation(explanation: dict[str, Any] | None, stored: Mapping[str, Any]) -> dict[str, Any] | None:
    """An explanation with instants as answers show them, beside the scores that are stored.

    `agrees` is false where what is stored is not what the document gives: staff set it, or a batch is on its way.
    """
    if explanation is None:
        return None
    for score in explanation["scores"]:
        score["stored"] = stored[score["name"]]
        score["agrees"] = score["stored"] is not None and abs(score["stored"] - score["value"]) < _ROUNDING
        for mover in (mover for term in score["terms"] for mover in term["movers"]):
            mover["slug"] = None if mover["slug"] is None else str(mover["slug"])
            mover["starts"] = [_start(start) for start in mover["starts"]]
    return explanation


def _start(microseconds: int | None) -> str | None:
    return None if microseconds is None else iso_instant(_EPOCH + timedelta(microseconds=microseconds))
