"""The plain queries that give the figures of a page, each as a page of docs/ has it."""

from __future__ import annotations

from typing import Final

__all__ = [
    "CELLS",
    "DAILY",
    "FUNNEL",
    "LAG",
    "LEDGER",
    "MINUTES",
    "SCORES",
    "SESSIONS",
    "STUCK",
    "STUDENT_DAYS",
    "TIMELINE",
    "TRIES",
    "TUTORIALS",
    "WEBHOOK",
    "WEBHOOKS",
]

LAG: Final = """\
SELECT toStartOfInterval(at, INTERVAL 5 MINUTE) AS moment, consumer, topic, partition, max(waiting) AS records_waiting,
    max(waited) AS seconds_waited
FROM telemetry.lag_history
LEFT ARRAY JOIN partitions AS partition, records AS waiting, seconds AS waited
WHERE at >= now() - INTERVAL 6 HOUR
GROUP BY moment, consumer, topic, partition
ORDER BY moment, consumer, topic, partition
"""

MINUTES: Final = """\
SELECT toStartOfMinute(created_at, 'UTC') AS minute, count() AS received, countIf(verdict = 'stored') AS stored,
    countIf(verdict = 'ignored') AS ignored, countIf(verdict = 'duplicate') AS duplicate,
    countIf(verdict = 'stale') AS stale, countIf(verdict = 'error') AS error, countIf(verdict = 'dead') AS dead,
    countIf(status = 'PENDING') AS pending
FROM telemetry.webhook_log
WHERE created_at >= now() - INTERVAL 6 HOUR AND has(academy_ids, 1)
GROUP BY minute
ORDER BY minute
"""

LEDGER: Final = """\
SELECT day, received, stored, ignored, duplicate, stale, error, dead, pending, difference
FROM telemetry.ledger
WHERE academy_id = 1 AND day > today() - 7
ORDER BY day
"""

STUCK: Final = """\
WITH 120 AS since, 30 AS seen, 3 AS least, 0 AS stuck
SELECT user_id, actor, asset_slug, step_slug, length(failed) AS failures, arrayMin(failed) AS stuck_since, questions,
    completed_steps, last_seen
FROM
(
    SELECT *, max(until) OVER (PARTITION BY actor, asset_slug) AS last_seen,
        sum(done) OVER (PARTITION BY actor, asset_slug) AS completed_steps
    FROM
    (
        SELECT any(user_id) AS user_id, actor, asset_slug, step_slug, max(occurred_at) AS until,
            maxIf(occurred_at, succeeded = 1 AND event IN ('compile', 'test', 'quiz_submission')) AS passed_at,
            arrayFilter(
                at -> at > passed_at,
                groupArrayIf(occurred_at, succeeded = 0 AND event IN ('compile', 'test', 'quiz_submission'))
            ) AS failed,
            arrayCount(at -> at > passed_at, groupArrayIf(occurred_at, event = 'ai_interaction')) AS questions,
            countIf(event = 'complete_step' OR (source = 'notebook' AND event = 'test' AND succeeded = 1)) AS done
        FROM telemetry.events
        WHERE occurred_at BETWEEN subtractMinutes(now(), since) AND now() + INTERVAL 5 MINUTE
        GROUP BY actor, asset_slug, step_slug
    )
)
WHERE step_slug != '' AND failures >= least AND stuck_since <= subtractMinutes(now(), stuck)
    AND last_seen >= subtractMinutes(now(), seen)
    AND (asset_slug, step_slug, actor) NOT IN
        (SELECT asset_slug, step_slug, actor FROM telemetry.events
         WHERE event = 'complete_step' OR (source = 'notebook' AND event = 'test' AND succeeded = 1))
ORDER BY failures DESC, last_seen DESC, actor, asset_slug, step_slug
"""

SCORES: Final = """\
SELECT asset_slug, engagement_score AS engagement, frustration_score AS frustration, completion_rate AS completion,
    total_time_seconds, metrics_algo_version AS algorithm, last_interaction_at, finished_at, updated_at
FROM telemetry.scores
WHERE user_id = 10022
ORDER BY ifNull(last_interaction_at, updated_at) DESC, asset_slug
"""

STUDENT_DAYS: Final = """\
SELECT asset_slug, day, engagement_score AS engagement, frustration_score AS frustration, completion_rate AS completion
FROM telemetry.student_day
WHERE user_id = 10022 AND day >= today() - 90
ORDER BY asset_slug, day
"""

TIMELINE: Final = """\
SELECT occurred_at, event, step_slug, step_position, succeeded, exit_code, duration_ms, error_type AS error_kind,
    code_bytes, output_bytes, source, webhook_id
FROM telemetry.events
WHERE user_id = 10022 AND asset_slug = 'exercise-postcard'
ORDER BY occurred_at DESC, webhook_id DESC, ordinal DESC
"""

TUTORIALS: Final = """\
SELECT asset_slug, day, total_sessions AS students, active_students, completion_avg AS completion,
    engagement_avg AS engagement, frustration_avg AS frustration, open_steps, compiles, compile_failures, tests,
    test_failures, quizzes, quiz_failures, ai_interactions AS questions
FROM (SELECT * FROM telemetry.asset_daily ORDER BY day DESC LIMIT 1 BY asset_slug)
ORDER BY students DESC, asset_slug
"""

DAILY: Final = """\
SELECT day, total_sessions AS students, active_students, completion_avg AS completion, engagement_avg AS engagement,
    frustration_avg AS frustration, open_steps, compiles, compile_failures, tests, test_failures, quizzes, quiz_failures,
    ai_interactions AS questions
FROM telemetry.asset_daily
WHERE asset_slug = 'exercise-postcard' AND day >= today() - 90
ORDER BY day
"""  # noqa: E501 - as the page has it

FUNNEL: Final = """\
SELECT step_slug, step_position, opened, attempted, completed, seconds_median, seconds_p90, tries_median, failures,
    ai_interactions AS questions
FROM telemetry.step_funnel
WHERE asset_slug = 'exercise-postcard'
ORDER BY step_position, step_slug
"""

TRIES: Final = """\
SELECT step_slug, sum(of_one) AS tries, round(100 * sum(failed) / tries, 1) AS failed_percent,
    countIf(first = 0) AS failed_first
FROM
(
    SELECT step_slug, actor, count() AS of_one, countIf(succeeded = 0) AS failed, max(occurred_at) AS last_at,
        argMax(step_position, occurred_at) AS position, argMin(succeeded, (occurred_at, item_id)) AS first
    FROM telemetry.events
    WHERE asset_slug = 'exercise-postcard' AND event IN ('compile', 'test', 'quiz_submission')
    GROUP BY step_slug, actor
)
GROUP BY step_slug
ORDER BY argMax(position, last_at), step_slug
"""

CELLS: Final = """\
SELECT actor, step_slug, countIf(event IN ('compile', 'test', 'quiz_submission')) AS tries,
    countIf(event IN ('compile', 'test', 'quiz_submission') AND succeeded = 0) AS failures,
    countIf(event = 'ai_interaction') AS questions, min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM telemetry.events
WHERE asset_slug = 'exercise-postcard' AND step_slug != ''
GROUP BY actor, step_slug
ORDER BY actor, step_slug
"""

SESSIONS: Final = """\
SELECT toDate(occurred_at) AS day, count() AS sessions, uniqExact(user_id) AS students
FROM telemetry.events
WHERE asset_slug = 'exercise-postcard' AND event = 'start_session' AND user_id IS NOT NULL
GROUP BY day
ORDER BY day
"""

WEBHOOKS: Final = """\
SELECT id, event, student_id, asset_id, package_slug, status, status_text, verdict, created_at, updated_at
FROM telemetry.webhook_log
WHERE has(academy_ids, 1)
ORDER BY created_at DESC, id DESC
LIMIT 50
"""

WEBHOOK: Final = """\
SELECT event, occurred_at, asset_slug, step_slug, user_id
FROM telemetry.events
WHERE webhook_id = 9012
ORDER BY occurred_at, event
"""
