-- Counts the same webhooks twice, on arrival (raw) and by outcome; where the two do not meet, difference shows it. An
-- outcome of the last minute may be ahead of its webhook, which comes by another topic. Deleted webhooks are in neither.
CREATE OR REPLACE VIEW $public.ledger $on_cluster
(
    day Date COMMENT 'UTC day of arrival',
    academy_id UInt64 COMMENT 'The academy scope, or the student\'s first academy; 0 for none',
    received UInt64 COMMENT 'Webhooks that arrived, without staff commands',
    stored UInt64 COMMENT 'Changed something',
    ignored UInt64 COMMENT 'By an ignore rule',
    duplicate UInt64 COMMENT 'Repeated an earlier one',
    stale UInt64 COMMENT 'Older than what is known',
    error UInt64 COMMENT 'Refused with a text',
    dead UInt64 COMMENT 'In the dead letters',
    pending UInt64 COMMENT 'Without an outcome yet',
    difference Int64 COMMENT 'received minus all the others: 0, or something is lost or made up'
)
SQL SECURITY DEFINER AS
WITH
    today() - $webhook_days AS oldest,
    arrivals AS
    (
        SELECT id, received_at, academy_id
        FROM $public.raw FINAL
        WHERE received_at >= oldest - 2 AND source != 'staff'
            AND id NOT IN
            (
                SELECT id
                FROM $derived.webhooks
                WHERE id IN (SELECT id FROM $derived.webhooks WHERE deleted = 1)
                GROUP BY id
                HAVING argMax(deleted, version) = 1
            )
    ),
    outcomes AS
    (
        SELECT id, created_at, verdict, academy_ids
        FROM $derived.webhooks FINAL
        WHERE created_at >= oldest - 2 AND source != 'staff'
    ),
    both AS
    (
        SELECT
            toDate(if(r.received_at = 0, w.created_at, r.received_at)) AS day,
            if(w.verdict = '', ifNull(r.academy_id, 0), w.academy_ids[1]) AS academy_id,
            r.received_at != 0 OR w.created_at >= now() - INTERVAL 1 MINUTE AS arrived,
            r.received_at != 0 AND w.verdict = '' AS waits,
            w.verdict AS verdict
        FROM arrivals AS r
        FULL OUTER JOIN outcomes AS w ON r.id = w.id
    )
SELECT
    day,
    academy_id,
    countIf(arrived) AS received,
    countIf(verdict = 'stored') AS stored,
    countIf(verdict = 'ignored') AS ignored,
    countIf(verdict = 'duplicate') AS duplicate,
    countIf(verdict = 'stale') AS stale,
    countIf(verdict = 'error') AS error,
    countIf(verdict = 'dead') AS dead,
    countIf(waits) AS pending,
    toInt64(received) - toInt64(stored + ignored + duplicate + stale + error + dead + pending) AS difference
FROM both
WHERE day >= oldest
GROUP BY day, academy_id
COMMENT 'Per academy and day: every webhook that arrived has exactly one outcome';
