"""The way of one webhook: what came, what became of it, and what it left in the tables."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import ApiError
from gateway.insights.sql_webhooks import (
    TRACE,
    TRACE_FACTS,
    TRACE_LATER,
    TRACE_LETTERS,
    TRACE_PAIRS,
    TRACE_PENDING,
    TRACE_STATES,
    TRACE_TOLD,
)
from gateway.reading.days_kept import days_kept
from gateway.reading.shown import iso_instant
from schemas.wire.place import OFFSET_MASK, place_at, split_place
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from gateway.insights.sight import Sight
    from gateway.reading.questions import Questions
    from schemas.days_kept import DaysKept
    from schemas.settings import Settings

__all__ = ["find_trace", "shown_trace"]

# Rows of one kind that are shown of one webhook; a question asks for one more.
_MOST: Final = 200


async def find_trace(questions: Questions, sight: Sight, settings: Settings, webhook: int) -> dict[str, Any]:
    """What the tables know of a webhook.

    Raises ApiError where an academy has no such webhook or none is kept of that age, and as Questions does.
    """
    sought = {"id": webhook, "academy": sight.academy}
    for question in (TRACE, TRACE_PENDING, TRACE_TOLD):
        if rows := await questions.rows(question, sought):
            break
    members = sight.reference.members(sight.academy)
    row = next((row for row in rows if row["named"] or row["student_id"] in members), None)
    if row is None:
        expired = not rows and await _is_older_than_all(questions, webhook)
        raise ApiError("webhook-expired" if expired else "webhook-not-found", webhook=webhook)
    # A copy or a retry does not lie where its id says; its row knows where.
    place = webhook if row["place"] is None else row["place"]
    partition, offset = split_place(place)
    letters = {
        "topic": Topics.of(settings).raw,
        "partition": partition,
        "offsets": sorted({offset, webhook & OFFSET_MASK}),
        "limit": _MOST + 1,
    }
    told = {"id": webhook, "limit": _MOST + 1}
    facts, (scores, documents), dead = await asyncio.gather(
        questions.rows(TRACE_FACTS, told),
        # What it wrote has the version of its outcome: in a copied log that is not where it lies.
        _states(questions, told, row.get("written_version", place)),
        questions.rows(TRACE_LETTERS, letters),
    )
    left = {"facts": facts, "scores": scores, "documents": documents, "dead_letters": dead}
    # What is not there comes within seconds or has gone for good: by how long it is kept, whatever is set here.
    kept = await days_kept(questions, settings)
    return shown_trace(row, (partition, offset), left, sight, kept=kept, now=datetime.now(UTC))


async def _is_older_than_all(questions: Questions, webhook: int) -> bool:
    partition, _ = split_place(webhook)
    bounds = {"first": place_at(partition, 0), "id": webhook, "last": place_at(partition, OFFSET_MASK)}
    (found,) = await questions.rows(TRACE_LATER, bounds)
    return bool(found["later"] and not found["earlier"])


async def _states(questions: Questions, told: dict[str, int], version: int) -> list[list[dict[str, Any]]]:
    """Rows of scores and of documents that a webhook was or is about."""
    # Facts are looked through by webhook, which is not in their order: once for both tables.
    pairs = await questions.rows(TRACE_PAIRS, told)
    sought = {
        "version": version,
        "limit": told["limit"],
        "actors": [pair["actor"] for pair in pairs],
        "tutorials": [pair["asset_slug"] for pair in pairs],
    }
    tables = ("scores", "telemetry")
    return await asyncio.gather(*(questions.rows(TRACE_STATES, {**sought, "table": table}) for table in tables))


def shown_trace(
    row: dict[str, Any],
    place: tuple[int, int],
    left: dict[str, list[dict[str, Any]]],
    sight: Sight,
    *,
    kept: DaysKept,
    now: datetime,
) -> dict[str, Any]:
    """A webhook's row of the log and what it left, as answers show it; `more` names the kinds that are cut."""
    number = row["student_id"]
    raw_expired = row["place"] is None and _is_older(row, kept.raw, now)
    outcome_expired = row["status"] == "PENDING" and _is_older(row, kept.outcomes, now)
    return {
        "id": row["id"],
        "partition": place[0],
        "offset": place[1],
        "receipt": row["receipt"] or None,
        "source": row["source"],
        "payload_bytes": row["payload_bytes"],
        "event": row["shown_event"],
        "is_streaming": None if row["is_streaming"] is None else bool(row["is_streaming"]),
        "student": None if number is None else sight.student(number),
        "package_slug": row["shown_package"],
        "asset_id": row["asset_id"],
        "status": None if outcome_expired else row["status"],
        "status_text": row["shown_text"],
        "verdict": row["verdict"] or None,
        "received_at": iso_instant(row["received_at"]),
        "waits_for": None if outcome_expired else _waits_for(row, raw_expired=raw_expired),
        "raw_expired": raw_expired,
        "outcome_expired": outcome_expired,
        **{kind: [_with_instants(one) for one in rows[:_MOST]] for kind, rows in left.items()},
        "more": [kind for kind, rows in left.items() if len(rows) > _MOST],
    }


def _is_older(row: dict[str, Any], days: int | None, now: datetime) -> bool:
    received: datetime = row["received_at"]
    return days is not None and now - received.replace(tzinfo=UTC) > timedelta(days=days)


def _waits_for(row: dict[str, Any], *, raw_expired: bool) -> str | None:
    if row["status"] == "PENDING":
        return "outcome"
    return "raw" if row["place"] is None and not raw_expired else None


def _with_instants(row: dict[str, Any]) -> dict[str, Any]:
    return {name: iso_instant(value) if name.endswith("_at") else value for name, value in row.items()}
