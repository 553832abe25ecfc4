"""What students did at all, as far as scores tell, and who worked last: whom somebody looks for without a name."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from gateway.insights.sight import MOST_NAMED
from gateway.reading.shown import iso_instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.insights.sight import Sight
    from gateway.reading.questions import Questions

__all__ = ["find_recent", "with_work"]

# Of whoever worked last anywhere: those of other academies are left out afterwards.
_LOOKED_THROUGH: Final = 2_000

_WORK: Final = """
SELECT user_id, count() AS tutorials, round(avg(completion_rate), 1) AS completion,
    max(ifNull(last_interaction_at, updated_at)) AS last_at
FROM scores
WHERE user_id IS NOT NULL AND ({everyone:UInt8} = 1 OR user_id IN {only:Array(UInt64)})
GROUP BY user_id ORDER BY last_at DESC, user_id LIMIT {limit:UInt32}
"""

_NO_WORK: Final = {"tutorials": 0, "completion": None, "last_at": None}


async def find_recent(questions: Questions, sight: Sight, limit: int) -> list[dict[str, Any]]:
    """So many students whom an academy's staff see, those who were there last first, each with its tutorials.

    Raises BusyError and ReadError.
    """
    # Members are asked for by name, wherever they can be: thousands of others may have worked since. An open directory
    # leaves students of no academy to all staff, and only among those who worked last anywhere can these be found.
    members = sight.reference.members(sight.academy)
    named = sorted(members) if len(members) <= MOST_NAMED else []
    asked = [{**sight.narrowed(), "limit": _LOOKED_THROUGH}, {"everyone": 0, "only": named, "limit": limit}]
    found = await asyncio.gather(*(questions.rows(_WORK, sought) for sought in asked))
    rows = {row["user_id"]: row for one in found for row in one if sight.sees(row["user_id"])}
    seen = sorted(rows.values(), key=lambda row: (row["last_at"], -row["user_id"]), reverse=True)[:limit]
    return [{**sight.student(row["user_id"]), **_shown(row)} for row in seen]


async def with_work(questions: Questions, students: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same students (of `Sight.student`), at most ten thousand, each with its tutorials.

    Of whoever has none `completion` and `last_at` are None. Raises BusyError and ReadError.
    """
    named = [student["id"] for student in students]
    sought = {"everyone": 0, "only": named, "limit": len(named)}
    rows = {row["user_id"]: row for row in (await questions.rows(_WORK, sought) if named else [])}
    return [{**student, **_shown(rows.get(student["id"], _NO_WORK))} for student in students]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "last_at": None if row["last_at"] is None else iso_instant(row["last_at"])}
