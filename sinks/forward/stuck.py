"""Who is stuck now, by docs/insights.md, "Who is stuck", and of whom that was told already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from schemas.wire.forwarding import Episode
from schemas.wire.webhook import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from clickhouse_connect.driver.client import Client

__all__ = ["KEPT_MS", "Place", "ask", "in_doubt", "newly_stuck", "remembered", "tries_since"]

Place = tuple[str, str, str]

# As the console and the API have it where nobody says otherwise.
_MINUTES, _SEEN, _FAILURES = 120, 30, 3
_MOST: Final = 10_000
_MOST_TRIES: Final = 500_000
_SECONDS: Final = 60
_DAY_MS: Final = 86_400_000
# For how long it is remembered who was told of, in milliseconds: far longer than failures count.
KEPT_MS: Final = 7 * _DAY_MS

_TRY: Final = "event IN ('compile', 'test', 'quiz_submission')"
_COMPLETION: Final = "(event = 'complete_step' OR (source = 'notebook' AND event = 'test' AND succeeded = 1))"
_RECENT: Final = "occurred_at BETWEEN subtractMinutes(now(), {minutes:UInt32}) AND now() + INTERVAL 5 MINUTE"

# Facts as they were written tell who may be stuck, few of all; only of these rows are brought together.
_STUCK: Final = f"""
WITH maybe AS
(
    SELECT actor, asset_slug FROM event_versions
    WHERE {_RECENT} AND {_TRY} AND succeeded = 0 AND step_slug != '' AND NOT startsWith(actor, {{nobody:String}})
    GROUP BY actor, asset_slug, step_slug HAVING count() >= {{failures:UInt32}}
)
SELECT
    user_id, actor, asset_slug, step_slug, step_position, length(failed) AS failures, questions,
    toUnixTimestamp64Milli(arrayMin(failed)) AS stuck_since, toUnixTimestamp64Milli(arrayMax(failed)) AS last_failure,
    error_event, error_kind, error_code, toUnixTimestamp64Milli(now64(3)) AS told_at
FROM
(
    SELECT *, max(until) OVER (PARTITION BY actor, asset_slug) AS last_seen
    FROM
    (
        SELECT
            any(user_id) AS user_id, actor, asset_slug, step_slug, argMax(position, occurred_at) AS step_position,
            max(occurred_at) AS until,
            maxIf(occurred_at, {_TRY} AND succeeded = 1) AS passed_at,
            arrayFilter(at -> at > passed_at, groupArrayIf(occurred_at, is_failure)) AS failed,
            arrayCount(at -> at > passed_at, groupArrayIf(occurred_at, event = 'ai_interaction')) AS questions,
            argMaxIf(event, occurred_at, is_failure) AS error_event,
            argMaxIf(error_type, occurred_at, is_failure) AS error_kind,
            argMaxIf(tuple(exit_code), occurred_at, is_failure).1 AS error_code
        FROM
        (
            SELECT
                user_id, actor, asset_slug, step_slug, step_position AS position, event, occurred_at, succeeded,
                error_type, exit_code, ifNull({_TRY} AND succeeded = 0, 0) AS is_failure
            FROM events
            WHERE {_RECENT} AND (actor, asset_slug) IN maybe
        )
        GROUP BY actor, asset_slug, step_slug
    )
)
WHERE step_slug != '' AND failures >= {{failures:UInt32}} AND last_seen >= subtractMinutes(now(), {{seen:UInt32}})
    AND (actor, asset_slug, step_slug) NOT IN
    (
        SELECT actor, asset_slug, step_slug FROM events
        WHERE event IN ('complete_step', 'test') AND {_COMPLETION} AND (actor, asset_slug) IN maybe
    )
ORDER BY failures DESC, last_failure DESC, actor, asset_slug, step_slug
LIMIT {{limit:UInt32}}
"""  # noqa: S608 - constants only

_TRIES: Final = f"""
SELECT actor, asset_slug, step_slug, toUnixTimestamp64Milli(occurred_at) AS at, succeeded AS well
FROM events
WHERE occurred_at > fromUnixTimestamp64Milli({{since:Int64}}) AND actor IN {{actors:Array(String)}}
    AND asset_slug IN {{tutorials:Array(String)}} AND step_slug IN {{steps:Array(String)}} AND {_TRY}
    AND succeeded IS NOT NULL
ORDER BY at LIMIT {{limit:UInt32}}
"""  # noqa: S608 - as above


def ask(client: Client) -> list[Episode]:
    """Whoever is stuck now, the most failures first, 10,000 at most; blocks. Raises sinks.clickhouse.CLICKHOUSE_ERRORS.

    Runs that nobody is named for are left out: whom should anybody help?
    """
    parameters = {
        "minutes": _MINUTES,
        "seen": _SEEN,
        "failures": _FAILURES,
        "nobody": ANONYMOUS,
        "limit": _MOST,
    }
    found = client.query(_STUCK, parameters=parameters, settings={"max_execution_time": _SECONDS})
    return [_episode(row) for row in found.named_results()]


def _episode(row: Mapping[str, Any]) -> Episode:
    error = {"event": row["error_event"], "kind": row["error_kind"], "exit_code": row["error_code"]}
    fields = {name: row[name] for name in Episode.__struct_fields__ if name != "last_error"}
    return Episode(**fields, last_error=error)


def remembered(told: Mapping[Place, Episode], more: Iterable[Episode], now: int) -> dict[Place, Episode]:
    """Of whom was told, with what was written since, and without what is long ago.

    An old episode that is written once more, as a dead letter that is sent again, tells of nothing that is newer. `now`
    (ms) is by ClickHouse's clock, which has stamped the episodes, whatever this machine's says.
    """
    known = dict(told)
    for episode in more:
        if (before := known.get(episode.place)) is None or episode.last_failure >= before.last_failure:
            known[episode.place] = episode
    return {place: episode for place, episode in known.items() if episode.told_at >= now - KEPT_MS}


def in_doubt(now_stuck: Iterable[Episode], told: Mapping[Place, Episode]) -> dict[Place, int]:
    """Of whom it was told, and none of the failures that count now was known then: the last that was, in milliseconds.

    It may be the same episode all the same, of which the beginning counts no more.
    """
    return {
        one.place: before.last_failure
        for one in now_stuck
        if (before := told.get(one.place)) is not None and one.stuck_since > before.last_failure
    }


def tries_since(client: Client, places: Mapping[Place, int]) -> dict[Place, list[tuple[int, bool]]]:
    """What was tried in some steps after an instant (ms) each, in its order, and whether it went well; blocks."""
    tries: dict[Place, list[tuple[int, bool]]] = {place: [] for place in places}
    if not places:
        return tries
    parameters = {
        "actors": sorted({actor for actor, _, _ in places}),
        "tutorials": sorted({tutorial for _, tutorial, _ in places}),
        "steps": sorted({step for _, _, step in places}),
        "since": min(places.values()),
        "limit": _MOST_TRIES,
    }
    found = client.query(_TRIES, parameters=parameters, settings={"max_execution_time": _SECONDS})
    for actor, tutorial, step, at, well in found.result_rows:
        place = (actor, tutorial, step)
        if place in places and at > places[place]:
            tries[place].append((at, bool(well)))
    return tries


def newly_stuck(
    now_stuck: Iterable[Episode], told: Mapping[Place, Episode], tries: Mapping[Place, Sequence[tuple[int, bool]]]
) -> list[Episode]:
    """Those of whom it is not told yet; `tries` are those of who is `in_doubt`.

    An episode ends when something in the step goes well, or after two hours without a failure in it.
    """
    return [
        one
        for one in now_stuck
        if (before := told.get(one.place)) is None
        or (one.stuck_since > before.last_failure and _has_ended(before.last_failure, tries.get(one.place, ())))
    ]


def _has_ended(last_failure: int, tries: Sequence[tuple[int, bool]]) -> bool:
    for at, well in tries:
        if well or at - last_failure > _MINUTES * 60_000:
            return True
        last_failure = at
    return False
