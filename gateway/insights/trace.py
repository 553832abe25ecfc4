"""The way of one webhook: what came, what became of it, and what it left in the tables."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from gateway.insights.sql_webhooks import (
    TRACE,
    TRACE_FACTS,
    TRACE_LETTERS,
    TRACE_PAIRS,
    TRACE_PENDING,
    TRACE_STATES,
)
from gateway.reading.days_kept import days_kept
from gateway.reading.shown import iso_instant
from schemas.wire.place import OFFSET_MASK, split_place
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from gateway.insights.sight import Sight
    from gateway.reading.questions import Questions
    from schemas.settings import Settings

__all__ = ["find_trace", "shown_trace"]

# Rows of one kind that are shown of one webhook; a question asks for one more.
_MOST: Final = 200


async def find_trace(questions: Questions, sight: Sight, settings: Settings, webhook: int) -> dict[str, Any] | None:
    """What the tables know of a webhook, None where an academy's log does not have it; raises as Questions does."""
    sought = {"id": webhook, "academy": sight.academy}
    rows = await questions.rows(TRACE, sought) or await questions.rows(TRACE_PENDING, sought)
    members = sight.reference.members(sight.academy)
    row = next((row for row in rows if row["named"] or row["student_id"] in members), None)
    if row is None:
        return None
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
    # Its own row comes within seconds or has gone for good: by how long such rows are kept, whatever is set here.
    raw_days = None if row["place"] is not None else (await days_kept(questions, settings)).raw
    return shown_trace(row, (partition, offset), left, sight, raw_days=raw_days, now=datetime.now(UTC))


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
    raw_days: int | None,
    now: datetime,
) -> dict[str, Any]:
    """A webhook's row of the log and what it left, as answers show it; `more` names the kinds that are cut.

    Rows of `raw` are kept for `raw_days`, or for ever (None).
    """
    number = row["student_id"]
    expired = row["place"] is None and raw_days is not None and _age(row, now) > timedelta(days=raw_days)
    return {
        "id": row["id"],
        "partition": place[0],
        "offset": place[1],
        "receipt": row["receipt"] or None,
        "source": row["source"],
        "payload_bytes": row["payload_bytes"],
        "event": row["shown_event"],
        "is_streaming": bool(row["is_streaming"]),
        "student": None if number is None else sight.student(number),
        "package_slug": row["shown_package"],
        "asset_id": row["asset_id"],
        "status": row["status"],
        "status_text": row["shown_text"],
        "verdict": row["verdict"] or None,
        "received_at": iso_instant(row["received_at"]),
        "waits_for": _waits_for(row, raw_expired=expired),
        "raw_expired": expired,
        **{kind: [_with_instants(one) for one in rows[:_MOST]] for kind, rows in left.items()},
        "more": [kind for kind, rows in left.items() if len(rows) > _MOST],
    }


def _age(row: dict[str, Any], now: datetime) -> timedelta:
    received: datetime = row["received_at"]
    return now - received.replace(tzinfo=UTC)


def _waits_for(row: dict[str, Any], *, raw_expired: bool) -> str | None:
    if row["status"] == "PENDING":
        return "outcome"
    return "raw" if row["place"] is None and not raw_expired else None


def _with_instants(row: dict[str, Any]) -> dict[str, Any]:
    return {name: iso_instant(value) if name.endswith("_at") else value for name, value in row.items()}
