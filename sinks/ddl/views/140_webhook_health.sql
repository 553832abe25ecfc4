CREATE OR REPLACE VIEW $public.webhook_health $on_cluster
(
    hour DateTime('UTC') COMMENT 'UTC hour of arrival',
    received UInt64 COMMENT 'Webhooks that arrived, without staff commands',
    stored UInt64 COMMENT 'Changed something',
    ignored UInt64 COMMENT 'By an ignore rule',
    duplicate UInt64 COMMENT 'Repeated an earlier one',
    stale UInt64 COMMENT 'Older than what is known',
    error UInt64 COMMENT 'Refused with a text',
    dead UInt64 COMMENT 'In the dead letters',
    pending UInt64 COMMENT 'Without an outcome yet',
    failed_percent Float64 COMMENT 'error and dead, in percent of received',
    students UInt64 COMMENT 'Different students named',
    commonest_error String COMMENT 'The text that most of the errors have, empty if there are none'
)
SQL SECURITY DEFINER AS
SELECT
    toStartOfHour(created_at, 'UTC') AS hour,
    count() AS received,
    countIf(verdict = 'stored') AS stored,
    countIf(verdict = 'ignored') AS ignored,
    countIf(verdict = 'duplicate') AS duplicate,
    countIf(verdict = 'stale') AS stale,
    countIf(verdict = 'error') AS error,
    countIf(verdict = 'dead') AS dead,
    countIf(status = 'PENDING') AS pending,
    round(100 * (error + dead) / received, 2) AS failed_percent,
    uniqExactIf(assumeNotNull(student_id), student_id IS NOT NULL) AS students,
    ifNull(topKIf(1)(status_text, verdict = 'error')[1], '') AS commonest_error
FROM $public.webhook_log
GROUP BY hour
COMMENT 'What became of the webhooks of each hour';
