"""The plain queries that give the figures of a page, each as a page of docs/ has it."""

from __future__ import annotations

from typing import Final

__all__ = [
    "DAILY",
    "FUNNEL",
    "LEDGER",
    "MINUTES",
    "SCORES",
    "STUCK",
    "STUDENT_DAYS",
    "TIMELINE",
    "TUTORIALS",
    "WEBHOOK",
    "WEBHOOKS",
    "literal",
]

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
SELECT user_id, asset_slug, step_slug, failures, stuck_since, ai_interactions, frustration_score
FROM telemetry.struggling_students
WHERE period = '30 minutes'
ORDER BY failures DESC
"""

SCORES: Final = """\
SELECT asset_slug, engagement_score AS engagement, frustration_score AS frustration, completion_rate AS completion,
    total_time_seconds, metrics_algo_version AS algorithm, last_interaction_at, finished_at, updated_at
FROM telemetry.scores
WHERE user_id = 10022
ORDER BY updated_at DESC, asset_slug
"""

STUDENT_DAYS: Final = """\
SELECT day, engagement_score AS engagement, frustration_score AS frustration, completion_rate AS completion
FROM telemetry.student_day
WHERE user_id = 10022 AND asset_slug = 'exercise-postcard' AND day > today() - 90
ORDER BY day
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
WHERE asset_slug = 'exercise-postcard' AND day > today() - 90
ORDER BY day
"""  # noqa: E501 - as the page has it

FUNNEL: Final = """\
SELECT step_slug, step_position, opened, attempted, completed, seconds_median, seconds_p90, tries_median, failures,
    ai_interactions AS questions
FROM telemetry.step_funnel
WHERE asset_slug = 'exercise-postcard'
ORDER BY step_position, step_slug
"""

WEBHOOKS: Final = """\
SELECT id, event, student_id, asset_id, status, status_text, created_at, updated_at
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


def literal(text: str) -> str:
    """A text as ClickHouse's SQL writes it, for who copies a query: the console itself only binds parameters."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
