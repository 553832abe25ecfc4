"""Students who became members of an academy after their webhooks had come: their rows do not name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gateway.reading.store import Reader

__all__ = ["joined_later"]

# Whoever sent last comes first. Staff's own commands are no webhooks of students. Rows as they were written are at
# least all that count; to name a member for one that does not is no harm.
_OTHERS: Final = """
SELECT student_id FROM outcome_versions
WHERE created_at >= now() - toIntervalDay({days:UInt32}) AND source != 'staff'
    AND student_id IS NOT NULL AND NOT has(academy_ids, {academy:UInt64})
    AND (empty({members:Array(UInt64)}) OR has({members:Array(UInt64)}, student_id))
GROUP BY student_id ORDER BY max(created_at) DESC, student_id
"""

# ClickHouse takes 128 KiB of one parameter: thirteen characters for each id.
_MOST: Final = 10_000


async def joined_later(
    clickhouse: Reader, academy: int, members: Collection[int], students: Sequence[int], days: int
) -> list[int]:
    """The members of an academy who have rows of the last `days` that do not name it, of `students` if there are any.

    At most 10,000, those who sent last. Without members nothing is asked. Raises ReadError.
    """
    if not members:
        return []
    if students:
        return [student for student in students if student in members][:_MOST]
    known = set(members)
    # All who are in other academies would be too many to look through here.
    named = sorted(known) if len(known) <= _MOST else []
    parameters = {"academy": academy, "days": days, "members": named}
    rows: list[dict[str, Any]] = await clickhouse.rows(_OTHERS, parameters)
    return [row["student_id"] for row in rows if row["student_id"] in known][:_MOST]
