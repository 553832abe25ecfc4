"""Whether it works and what is going on: what came in, what became of it, and who is there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gateway.insights.sight import MOST_NAMED
from gateway.insights.sql import ACTIVE, ACTIVE_AMONG
from gateway.insights.sql_webhooks import LEDGER, MINUTES, OVERDUE
from gateway.reading.joined import joined_later
from gateway.reading.shown import iso_instant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.insights.sight import Sight
    from gateway.reading.questions import Questions

__all__ = ["LONGEST_MINUTES", "find_overdue", "find_overview", "minute_rows"]

LONGEST_MINUTES: Final = 24 * 60
_LEDGER_DAYS: Final = 7
_MANY: Final = 1_000

# These meet all webhooks of a month or of hours, or the facts of a day: a page of many viewers asks once.
_LEDGER_SECONDS: Final = 10.0
_ACTIVE_SECONDS: Final = 2.0
_MINUTES_SECONDS: Final = 1.0


def minute_rows(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Webhooks by minute of arrival and verdict; minutes without any are left out."""
    return [
        {**{name: value for name, value in row.items() if name != "newest"}, "minute": iso_instant(row["minute"])}
        for row in rows
    ]


def _freshness(rows: Iterable[dict[str, Any]], now: datetime) -> dict[str, Any]:
    newest = max((row["newest"] for row in rows), default=None)
    if newest is None:
        return {"newest_webhook_at": None, "age_seconds": None}
    age = now - newest.replace(tzinfo=UTC)
    return {"newest_webhook_at": iso_instant(newest), "age_seconds": round(age.total_seconds(), 1)}


async def find_overview(questions: Questions, sight: Sight, minutes: int) -> dict[str, Any]:
    """The last `minutes` by minute and verdict, freshness, the ledger of seven days, and students active today.

    Raises BusyError and ReadError.
    """
    by_minute, ledger, active = await asyncio.gather(
        _minutes(questions, sight, minutes),
        questions.kept(LEDGER, {"academy": sight.academy, "days": _LEDGER_DAYS}, _LEDGER_SECONDS),
        questions.keep(("active", sight.academy), lambda: _active(questions, sight), _ACTIVE_SECONDS),
    )
    return {
        "freshness": _freshness(by_minute, datetime.now(UTC)),
        "active_students": active,
        "received": minute_rows(by_minute),
        "ledger": [{**row, "day": str(row["day"])} for row in ledger],
    }


async def find_overdue(questions: Questions, academy: int, minutes: int) -> int:
    """How many webhooks of seven days were received before the last `minutes` and wait still.

    The ledger cannot tell: it is some seconds older than the minutes, and what waited then may be stored. Raises
    BusyError and ReadError.
    """
    sought = {"academy": academy, "days": _LEDGER_DAYS, "minutes": minutes}
    found = await questions.kept(OVERDUE, sought, _LEDGER_SECONDS)
    return int(found[0]["webhooks"])


async def _active(questions: Questions, sight: Sight) -> int:
    narrowed = sight.narrowed()
    if len(narrowed["only"]) > _MANY:
        # To look for each among so many takes longer than to leave others out here.
        narrowed = {"everyone": 1, "only": []}
    rows = [row for row in await questions.rows(ACTIVE, narrowed) if sight.sees(row["user_id"])]
    unclear = [row["user_id"] for row in rows if not row["certain"]]
    found = len(rows) - len(unclear)
    for first in range(0, len(unclear), MOST_NAMED):
        found += len(await questions.rows(ACTIVE_AMONG, {"students": unclear[first : first + MOST_NAMED]}))
    return found


async def _minutes(questions: Questions, sight: Sight, minutes: int) -> list[dict[str, Any]]:
    # As in the log: of members whose webhooks do not name the academy, because they came before them.
    members = sight.reference.members(sight.academy)
    named = sorted(members)
    if len(named) > MOST_NAMED:
        named = await joined_later(questions, sight.academy, members, (), 1)
    sought = {"academy": sight.academy, "members": named, "minutes": minutes}
    return await questions.kept(MINUTES, sought, _MINUTES_SECONDS)
