"""How far everything was behind in the last hours, by partition."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from gateway.reading.questions import BusyError
from gateway.reading.shown import iso_instant
from gateway.reading.store import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.reading.questions import Questions

__all__ = ["LAG_HISTORY", "find_lag_history", "lag_series"]

# Less than all that it is told with may take: that a server does not answer is what somebody looks for there.
_ANSWER_SECONDS: Final = 4.0

_STEP: Final = timedelta(minutes=5)
_STEPS: Final = 72
# Those that waited longest; a page has no room for more, and whoever mends begins with them.
_MOST: Final = 50

LAG_HISTORY: Final = """
SELECT
    toStartOfInterval(at, INTERVAL 5 MINUTE) AS moment, consumer, topic, partition,
    max(waiting) AS most_records, max(waited) AS most_seconds
FROM lag_history
LEFT ARRAY JOIN partitions AS partition, records AS waiting, seconds AS waited
WHERE at >= {since:DateTime64(3, 'UTC')}
GROUP BY ALL
ORDER BY moment, consumer, topic, partition
LIMIT 500000
"""


async def find_lag_history(questions: Questions, now: datetime) -> dict[str, Any] | None:
    """The last six hours in steps of five minutes, see `lag_series`; None where ClickHouse does not tell in time."""
    first = _first(now)
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            rows = await questions.rows(LAG_HISTORY, {"since": first})
    except (BusyError, ReadError, TimeoutError):
        return None
    return lag_series(rows, now)


def _first(now: datetime) -> datetime:
    seconds = _STEP.total_seconds()
    last = datetime.fromtimestamp(now.timestamp() // seconds * seconds, tz=UTC)
    return last - _STEP * (_STEPS - 1)


def lag_series(rows: Iterable[dict[str, Any]], now: datetime) -> dict[str, Any]:
    """Rows of the question above as series, each with a figure for every step.

    A figure is the most of its step, and None where nobody has measured. Partitions in which nothing ever waited are
    left out; of the others the fifty in which a record waited longest are there, that one first.
    """
    first = _first(now)
    measured: set[int] = set()
    found: dict[tuple[str, str, int], dict[int, tuple[int, float]]] = {}
    for row in rows:
        place = (row["moment"].replace(tzinfo=UTC) - first) // _STEP
        if not 0 <= place < _STEPS:
            continue
        measured.add(place)
        if row["most_records"]:
            key = row["consumer"], row["topic"], row["partition"]
            found.setdefault(key, {})[place] = row["most_records"], row["most_seconds"]
    ranked = sorted(found.items(), key=lambda one: (-max(seconds for _, seconds in one[1].values()), one[0]))

    def figures(by_place: dict[int, tuple[int, float]], which: int) -> list[float | None]:
        return [by_place.get(place, (0, 0.0))[which] if place in measured else None for place in range(_STEPS)]

    return {
        "step_seconds": int(_STEP.total_seconds()),
        "moments": [iso_instant(first + _STEP * place) for place in range(_STEPS)],
        "measured": [place in measured for place in range(_STEPS)],
        "partitions": [
            {
                "group": group,
                "topic": topic,
                "partition": partition,
                "most_seconds": max(seconds for _, seconds in by_place.values()),
                "records": figures(by_place, 0),
                "seconds": figures(by_place, 1),
            }
            for (group, topic, partition), by_place in ranked[:_MOST]
        ],
        "partitions_with_lag": len(ranked),
    }
