"""The texts of the questions about students and tutorials, by bound parameters only (docs/insights.md has plain ones).

`{everyone}` and `{only}` are what gateway.insights.sight says of whose rows may be left out.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ACTIVE",
    "CELLS",
    "COHORT",
    "DAILY",
    "DAY_SCORES",
    "FUNNEL",
    "HEATMAP_STUDENTS",
    "KNOWN",
    "SCORES",
    "SESSIONS",
    "STUCK",
    "TIMELINE",
    "TIMELINE_LENGTH",
    "TUTORIALS",
]

_SEEN: Final = "({everyone:UInt8} = 1 OR user_id IN {only:Array(UInt64)})"
_TUTORIALS: Final = "(empty({tutorials:Array(String)}) OR asset_slug IN {tutorials:Array(String)})"
_TRY: Final = "event IN ('compile', 'test', 'quiz_submission')"
# Of notebooks, which tell no completions, an exercise is completed by its first test that passes.
_COMPLETION: Final = "(event = 'complete_step' OR (source = 'notebook' AND event = 'test' AND succeeded = 1))"

_RECENT: Final = "occurred_at BETWEEN subtractMinutes(now(), {minutes:UInt32}) AND now() + INTERVAL 5 MINUTE"
_FAILED: Final = f"{_TRY} AND succeeded = 0"

# Facts of the last minutes of each student, tutorial and step, after docs/insights.md, "Who is stuck". Nearly all steps
# have too few failures, whenever those were: a first look, by hashes, leaves out tutorials in which a student has no
# step with enough of them, and only what is left is put together.
STUCK: Final = f"""
SELECT
    student_id, actor, asset_slug, step_slug, step_position, length(failed_at) AS failures,
    arrayMin(failed_at) AS stuck_since, on_step_since, on_step_until, last_seen, completed_steps, questions,
    error_event, error_kind, error_code, now64(3, 'UTC') AS asked_at
FROM
(
    SELECT *, max(on_step_until) OVER whole AS last_seen, sum(completions) OVER whole AS completed_steps
    FROM
    (
        SELECT
            any(user_id) AS student_id, actor, asset_slug, step_slug,
            argMax(position, occurred_at) AS step_position,
            maxIf(occurred_at, {_TRY} AND succeeded = 1) AS last_success,
            arrayFilter(at -> at > last_success, groupArrayIf(occurred_at, failed)) AS failed_at,
            arrayCount(at -> at > last_success, groupArrayIf(occurred_at, event = 'ai_interaction')) AS questions,
            min(occurred_at) AS on_step_since,
            max(occurred_at) AS on_step_until,
            countIf({_COMPLETION}) AS completions,
            argMaxIf(event, occurred_at, failed) AS error_event,
            argMaxIf(error_type, occurred_at, failed) AS error_kind,
            argMaxIf(tuple(exit_code), occurred_at, failed).1 AS error_code
        FROM
        (
            SELECT
                user_id, actor, asset_slug, step_slug, step_position AS position, event, occurred_at, succeeded, source,
                error_type, exit_code, ifNull({_FAILED}, 0) AS failed
            FROM events
            WHERE {_RECENT} AND {_TUTORIALS} AND {_SEEN}
                AND cityHash64(actor, asset_slug) IN
                (
                    SELECT any(cityHash64(actor, asset_slug)) FROM events
                    WHERE {_RECENT} AND {_TUTORIALS} AND {_SEEN} AND {_FAILED} AND step_slug != ''
                    GROUP BY cityHash64(actor, asset_slug, step_slug)
                    HAVING count() >= {{failures:UInt32}}
                )
        )
        GROUP BY actor, asset_slug, step_slug
    )
    WINDOW whole AS (PARTITION BY actor, asset_slug)
)
WHERE step_slug != ''
    AND failures >= {{failures:UInt32}}
    AND stuck_since <= subtractMinutes(now(), {{stuck:UInt32}})
    AND last_seen >= subtractMinutes(now(), {{seen:UInt32}})
    AND (asset_slug, step_slug, actor) NOT IN
        (SELECT asset_slug, step_slug, actor FROM events WHERE {_COMPLETION} AND {_TUTORIALS})
ORDER BY failures DESC, last_seen DESC, actor, asset_slug, step_slug
LIMIT {{limit:UInt32}}
"""  # noqa: S608 - constants only

# Which of some students' documents name a cohort.
COHORT: Final = """
SELECT actor, asset_slug FROM telemetry
WHERE actor IN {actors:Array(String)} AND asset_slug IN {tutorials:Array(String)}
    AND trim(BOTH '" ' FROM JSONExtractRaw(document, 'cohort_id')) = {cohort:String}
"""

# Whoever did anything that is known since the UTC day began.
ACTIVE: Final = f"""
SELECT DISTINCT user_id FROM events
WHERE received_at >= today() AND user_id IS NOT NULL AND {_SEEN}
LIMIT 500000
"""  # noqa: S608 - constants only

_DAY: Final = """day, total_sessions AS students, active_students, completion_avg AS completion,
    engagement_avg AS engagement, frustration_avg AS frustration, open_steps, compiles, compile_failures, tests,
    test_failures, quizzes, quiz_failures, ai_interactions AS questions"""

# The figures of each tutorial as of its last day.
TUTORIALS: Final = f"""
SELECT asset_slug, {_DAY} FROM asset_daily
WHERE asset_slug != ''
ORDER BY day DESC, asset_slug LIMIT 1 BY asset_slug LIMIT 10000
"""  # noqa: S608 - constants only

DAILY: Final = f"""
SELECT {_DAY} FROM asset_daily
WHERE asset_slug = {{tutorial:String}} AND day BETWEEN {{first:Date}} AND {{last:Date}}
ORDER BY day LIMIT {{limit:UInt32}}
"""  # noqa: S608 - constants only

KNOWN: Final = "SELECT 1 FROM asset_daily WHERE asset_slug = {tutorial:String} LIMIT 1"

FUNNEL: Final = f"""
SELECT
    f.step_slug AS step_slug, f.step_position AS step_position, opened, attempted, completed,
    seconds_median, seconds_p90, tries_median, tries, failures,
    round(100 * failures / greatest(1, tries), 1) AS failed_percent,
    failed_first, ai_interactions AS questions
FROM step_funnel AS f
LEFT JOIN
(
    SELECT step_slug, sum(of_one) AS tries, countIf(first = 0) AS failed_first
    FROM
    (
        SELECT step_slug, actor, count() AS of_one, argMin(succeeded, (occurred_at, item_id)) AS first
        FROM events
        WHERE asset_slug = {{tutorial:String}} AND {_TRY}
        GROUP BY step_slug, actor
    )
    GROUP BY step_slug
) AS t ON t.step_slug = f.step_slug
WHERE f.asset_slug = {{tutorial:String}}
ORDER BY step_position, step_slug LIMIT 2000
"""  # noqa: S608 - constants only

HEATMAP_STUDENTS: Final = f"""
SELECT any(user_id) AS student_id, actor, max(occurred_at) AS last_seen FROM events
WHERE asset_slug = {{tutorial:String}} AND {_SEEN}
GROUP BY actor ORDER BY last_seen DESC, actor LIMIT 100000
"""  # noqa: S608 - constants only

# What each of some students did in each step.
CELLS: Final = f"""
SELECT
    actor, step_slug,
    argMax(step_position, occurred_at) AS position,
    countIf({_TRY}) AS tries,
    countIf({_TRY} AND succeeded = 0) AS failures,
    countIf(event = 'ai_interaction') AS questions,
    countIf({_COMPLETION}) > 0 AS completed,
    min(occurred_at) AS first_at,
    max(occurred_at) AS last_at
FROM events
WHERE asset_slug = {{tutorial:String}} AND actor IN {{actors:Array(String)}} AND step_slug != ''
GROUP BY actor, step_slug ORDER BY actor, position, step_slug LIMIT 50000
"""  # noqa: S608 - constants only

SESSIONS: Final = """
SELECT
    toDate(occurred_at) AS day,
    count() AS sessions,
    uniqExact(actor) AS students,
    sumMap(map(ifNull(properties.agent.:String, ''), toUInt64(1))) AS agents
FROM events
WHERE asset_slug = {tutorial:String} AND event = 'start_session' AND user_id IS NOT NULL
    AND toDate(occurred_at) BETWEEN {first:Date} AND {last:Date}
GROUP BY day ORDER BY day LIMIT {limit:UInt32}
"""

SCORES: Final = """
SELECT
    asset_slug, engagement_score AS engagement, frustration_score AS frustration, completion_rate AS completion,
    total_time_seconds, metrics_algo_version AS algorithm, last_interaction_at, finished_at, updated_at
FROM scores
WHERE actor = {actor:String} AND (empty({tutorial:String}) OR asset_slug = {tutorial:String})
ORDER BY updated_at DESC, asset_slug LIMIT {limit:UInt32}
"""

DAY_SCORES: Final = """
SELECT
    asset_slug, day, engagement_score AS engagement, frustration_score AS frustration, completion_rate AS completion
FROM student_day
WHERE actor = {actor:String} AND (empty({tutorial:String}) OR asset_slug = {tutorial:String})
    AND day BETWEEN {first:Date} AND {last:Date}
ORDER BY day, asset_slug LIMIT {limit:UInt32}
"""

TIMELINE_LENGTH: Final = """
SELECT count() AS things FROM events WHERE actor = {actor:String} AND asset_slug = {tutorial:String}
"""

TIMELINE: Final = """
SELECT
    occurred_at, received_at, event, step_slug, step_position, succeeded, exit_code, duration_ms,
    error_type AS error_kind, code_bytes, output_bytes, source, properties.agent.:String AS agent, webhook_id
FROM events
WHERE actor = {actor:String} AND asset_slug = {tutorial:String}
ORDER BY occurred_at DESC, webhook_id DESC, ordinal DESC
LIMIT {limit:UInt32} OFFSET {offset:UInt64}
"""
