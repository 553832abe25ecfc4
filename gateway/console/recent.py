"""The students who worked last, as far as scores tell: whom somebody looks for without a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.reading.shown import iso_instant

if TYPE_CHECKING:
    from gateway.insights.sight import Sight
    from gateway.reading.questions import Questions

__all__ = ["find_recent"]

# Rows of other academies' students are left out afterwards, where a question cannot tell them apart.
_LOOKED_THROUGH: Final = 2_000

_RECENT: Final = """
SELECT user_id, count() AS tutorials, round(avg(completion_rate), 1) AS completion, max(updated_at) AS last_at
FROM scores
WHERE user_id IS NOT NULL AND ({everyone:UInt8} = 1 OR user_id IN {only:Array(UInt64)})
GROUP BY user_id ORDER BY last_at DESC, user_id LIMIT {limit:UInt32}
"""


async def find_recent(questions: Questions, sight: Sight, limit: int) -> list[dict[str, Any]]:
    """So many students whom an academy's staff see, those whose scores changed last first, each with its tutorials.

    Raises BusyError and ReadError.
    """
    rows = await questions.rows(_RECENT, {**sight.narrowed(), "limit": _LOOKED_THROUGH})
    seen = [row for row in rows if sight.sees(row["user_id"])][:limit]
    return [{**sight.student(row["user_id"]), **row, "last_at": iso_instant(row["last_at"])} for row in seen]
