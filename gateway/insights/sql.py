"""The texts of the questions about students and tutorials, by bound parameters only (docs/insights.md has plain ones).

`{everyone}` and `{only}` are what gateway.insights.sight says of whose rows may be left out.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ACTIVE",
    "ACTIVE_AMONG",
    "CELLS",
    "COHORT",
    "DAILY",
    "DAY_SCORES",
    "FUNNEL",
    "HEATMAP_STUDENTS",
    "KNOWN",
    "SCORES",
    "SESSIONS",
    "STEPS",
    "STRUGGLING",
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

# Students and tutorials with a step in which enough failed, whenever that was. Rows as they were written are at least
# all that count, so nobody is missing here; who is there for rows that count no more is left out later.
STRUGGLING: Final = f"""
SELECT
    cityHash64(actor, asset_slug, step_slug) AS step, any(cityHash64(actor, asset_slug)) AS pair,
    any(asset_slug) AS tutorial, count() AS failures
FROM event_versions
WHERE {_RECENT} AND {_TUTORIALS} AND {_SEEN} AND {_FAILED} AND step_slug != ''
GROUP BY step
HAVING failures >= {{failures:UInt32}}
ORDER BY failures DESC, step LIMIT {{limit:UInt32}}
"""  # noqa: S608 - constants only

# Facts of the last minutes of each student, tutorial and step, after docs/insights.md, "Who is stuck". Nearly all steps
# have too few failures: only students and tutorials whom a first look leaves are put together. They are named by
# hashes, which stand beside each other in one parameter and are looked at before rows of one identity are brought
# together; whom a hash lets pass by chance is judged as all others are. A step may be completed since long: such facts
# are looked at with the recent ones, for to find them by themselves would be to bring all together once more. Of the
# other steps of these it counts only that they were worked at: all of a tutorial's are one, without a name.
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
            any(user_id) AS student_id, actor, asset_slug, step AS step_slug,
            argMaxIf(position, occurred_at, recent) AS step_position,
            maxIf(occurred_at, passed) AS last_success,
            arrayFilter(at -> at > last_success, groupArrayIf(occurred_at, failed)) AS failed_at,
            arrayCount(at -> at > last_success, groupArrayIf(occurred_at, asked)) AS questions,
            minIf(occurred_at, recent) AS on_step_since,
            maxIf(occurred_at, recent) AS on_step_until,
            countIf(completion) > 0 AS completed,
            countIf(completion AND recent) AS completions,
            argMaxIf(event, occurred_at, failed) AS error_event,
            argMaxIf(error_type, occurred_at, failed) AS error_kind,
            argMaxIf(tuple(exit_code), occurred_at, failed).1 AS error_code
        FROM
        (
            SELECT
                user_id, actor, asset_slug, step_position AS position, event, occurred_at, error_type, exit_code,
                if(
                    empty({{steps:Array(UInt64)}})
                        OR cityHash64(actor, asset_slug, step_slug) IN {{steps:Array(UInt64)}},
                    step_slug, ''
                ) AS step,
                {_RECENT} AS recent, ifNull({_COMPLETION}, 0) AS completion,
                recent AND ifNull({_FAILED}, 0) AS failed,
                recent AND ifNull({_TRY} AND succeeded = 1, 0) AS passed,
                recent AND event = 'ai_interaction' AS asked
            FROM events
            WHERE ((recent AND {_SEEN}) OR completion) AND {_TUTORIALS}
                AND (empty({{pairs:Array(UInt64)}}) OR cityHash64(actor, asset_slug) IN {{pairs:Array(UInt64)}})
        )
        GROUP BY actor, asset_slug, step
    )
    WINDOW whole AS (PARTITION BY actor, asset_slug)
)
WHERE step_slug != '' AND NOT completed
    AND failures >= {{failures:UInt32}}
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

# Whoever did anything that is known since the UTC day began, by rows as they were written. `certain` is 1 of whom one
# fact is there, the same in all its versions and never taken back: so it counts whichever of them does. One fact of
# each is looked at, and of nearly all that one tells.
ACTIVE: Final = f"""
SELECT student AS user_id, max(certain_one) AS certain FROM
(
    SELECT assumeNotNull(user_id) AS student, 0 AS certain_one FROM event_versions
    WHERE received_at >= today() AND user_id IS NOT NULL AND {_SEEN}
    GROUP BY student
    UNION ALL
    SELECT assumeNotNull(any(user_id)) AS student, 1 AS certain_one FROM event_versions
    WHERE item_id IN
    (
        SELECT argMin(item_id, deleted) FROM event_versions
        WHERE received_at >= today() AND user_id IS NOT NULL AND {_SEEN}
        GROUP BY user_id
    )
    GROUP BY item_id
    HAVING max(deleted) = 0 AND min(received_at) >= today()
)
GROUP BY student LIMIT 500000
"""  # noqa: S608 - constants only

# Of some students those who did anything that counts since the UTC day began.
ACTIVE_AMONG: Final = """
SELECT DISTINCT user_id FROM events
WHERE received_at >= today() AND user_id IN {students:Array(UInt64)}
    AND item_id IN
        (SELECT item_id FROM event_versions WHERE received_at >= today() AND user_id IN {students:Array(UInt64)})
LIMIT 500000
"""

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

# Of many steps those that most students have: a few students' long lists of their own must not hide a tutorial's.
FUNNEL: Final = f"""
SELECT
    f.step_slug AS step_slug, f.step_position AS step_position, opened, attempted, completed,
    seconds_median, seconds_p90, tries_median, tries, failures,
    round(100 * failures / greatest(1, tries), 1) AS failed_percent,
    failed_first, ai_interactions AS questions, count() OVER () AS every_step
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
ORDER BY greatest(opened, attempted, completed) DESC, step_position, step_slug LIMIT {{limit:UInt32}}
"""  # noqa: S608 - constants only

HEATMAP_STUDENTS: Final = f"""
SELECT any(user_id) AS student_id, actor, max(occurred_at) AS last_seen FROM events
WHERE asset_slug = {{tutorial:String}} AND {_SEEN}
GROUP BY actor ORDER BY last_seen DESC, actor LIMIT 100000
"""  # noqa: S608 - constants only

# The steps that most students have anything of.
STEPS: Final = """
SELECT step_slug, count() OVER () AS every_step FROM events
WHERE asset_slug = {tutorial:String} AND step_slug != ''
GROUP BY step_slug
ORDER BY uniqExact(actor) DESC, argMax(step_position, occurred_at), step_slug LIMIT {limit:UInt32}
"""

# What each of some students did in each of some steps.
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
WHERE asset_slug = {{tutorial:String}} AND actor IN {{actors:Array(String)}} AND step_slug IN {{steps:Array(String)}}
GROUP BY actor, step_slug ORDER BY actor, position, step_slug LIMIT {{limit:UInt32}}
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
ORDER BY ifNull(last_interaction_at, updated_at) DESC, asset_slug LIMIT {limit:UInt32}
"""

DAY_SCORES: Final = """
SELECT
    asset_slug, day, engagement_score AS engagement, frustration_score AS frustration, completion_rate AS completion
FROM student_day
WHERE actor = {actor:String} AND (empty({tutorial:String}) OR asset_slug = {tutorial:String})
    AND day BETWEEN {first:Date} AND {last:Date}
ORDER BY day DESC, asset_slug LIMIT {limit:UInt32}
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
