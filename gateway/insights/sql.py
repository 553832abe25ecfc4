"""The texts of all questions that insights ask, by bound parameters only; docs/analysts.md has their figures in plain.

`{everyone}` and `{only}` are what gateway.insights.sight says of whose rows may be left out.
"""

from __future__ import annotations

from typing import Final

__all__ = ["COHORT", "STUCK"]

_SEEN: Final = "({everyone:UInt8} = 1 OR user_id IN {only:Array(UInt64)})"
_TUTORIALS: Final = "(empty({tutorials:Array(String)}) OR asset_slug IN {tutorials:Array(String)})"
_TRY: Final = "event IN ('compile', 'test', 'quiz_submission')"
# Of notebooks, which tell no completions, an exercise is completed by its first test that passes.
_COMPLETION: Final = "(event = 'complete_step' OR (source = 'notebook' AND event = 'test' AND succeeded = 1))"

# Facts of the last minutes of each student, tutorial and step, after docs/insights.md, "Who is stuck".
STUCK: Final = f"""
SELECT
    any(user_id) AS student_id, actor, asset_slug, step_slug,
    argMax(position, occurred_at) AS step_position,
    countIf(failed AND occurred_at > last_success) AS failures,
    minIf(occurred_at, failed AND occurred_at > last_success) AS stuck_since,
    min(occurred_at) AS on_step_since,
    max(occurred_at) AS on_step_until,
    any(seen_at) AS last_seen,
    any(completed) AS completed_steps,
    countIf(event = 'ai_interaction' AND occurred_at > last_success) AS questions,
    argMaxIf(event, occurred_at, failed) AS error_event,
    argMaxIf(error_type, occurred_at, failed) AS error_kind,
    argMaxIf(tuple(exit_code), occurred_at, failed).1 AS error_code,
    now64(3, 'UTC') AS asked_at
FROM
(
    SELECT
        user_id, actor, asset_slug, step_slug, step_position AS position, event, occurred_at, error_type, exit_code,
        ifNull({_TRY} AND succeeded = 0, 0) AS failed,
        maxIf(occurred_at, {_TRY} AND succeeded = 1) OVER (PARTITION BY actor, asset_slug, step_slug) AS last_success,
        max(occurred_at) OVER (PARTITION BY actor, asset_slug) AS seen_at,
        countIf({_COMPLETION}) OVER (PARTITION BY actor, asset_slug) AS completed
    FROM events
    WHERE occurred_at BETWEEN subtractMinutes(now(), {{minutes:UInt32}}) AND now() + INTERVAL 5 MINUTE
        AND {_TUTORIALS} AND {_SEEN}
)
WHERE step_slug != ''
    AND (asset_slug, step_slug, actor) NOT IN
        (SELECT asset_slug, step_slug, actor FROM events WHERE {_COMPLETION} AND {_TUTORIALS})
GROUP BY actor, asset_slug, step_slug
HAVING failures >= {{failures:UInt32}}
    AND stuck_since <= subtractMinutes(now(), {{stuck:UInt32}})
    AND last_seen >= subtractMinutes(now(), {{seen:UInt32}})
ORDER BY failures DESC, last_seen DESC, actor, asset_slug, step_slug
LIMIT {{limit:UInt32}}
"""  # noqa: S608 - constants only

# Which of some students' documents name a cohort.
COHORT: Final = """
SELECT actor, asset_slug FROM telemetry
WHERE actor IN {actors:Array(String)} AND asset_slug IN {tutorials:Array(String)}
    AND trim(BOTH '" ' FROM JSONExtractRaw(document, 'cohort_id')) = {cohort:String}
"""
