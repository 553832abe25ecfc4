"""The plain queries that give the figures of a page, as docs/analysts.md and docs/insights.md have them."""

from __future__ import annotations

from typing import Final

__all__ = ["LEDGER", "MINUTES", "STUCK"]

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
