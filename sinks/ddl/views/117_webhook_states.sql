-- The same rows as webhook_log has: an outcome has the time at which its webhook arrived, so the records themselves are
-- not needed for those that have one.
CREATE OR REPLACE VIEW $public.webhook_states $on_cluster
(
    id UInt64 COMMENT 'As in webhook_log',
    is_streaming Bool COMMENT 'As in webhook_log',
    event LowCardinality(String) COMMENT 'As in webhook_log',
    academy_ids Array(UInt64) COMMENT 'As in webhook_log',
    student_id Nullable(UInt64) COMMENT 'As in webhook_log',
    asset_id Nullable(UInt64) COMMENT 'As in webhook_log',
    package_slug String COMMENT 'As in webhook_log',
    learnpack_package_id Nullable(Int64) COMMENT 'As in webhook_log',
    status LowCardinality(String) COMMENT 'As in webhook_log',
    status_text String COMMENT 'As in webhook_log',
    verdict LowCardinality(String) COMMENT 'As in webhook_log',
    created_at DateTime64(3, 'UTC') COMMENT 'As in webhook_log',
    updated_at DateTime64(3, 'UTC') COMMENT 'As in webhook_log'
)
SQL SECURITY DEFINER AS
WITH now() - INTERVAL $webhook_days DAY AS oldest
SELECT
    id, is_streaming, event, academy_ids, student_id, asset_id, package_slug, learnpack_package_id, status, status_text,
    verdict, created_at, updated_at
FROM $derived.webhooks FINAL
WHERE created_at >= oldest AND source != 'staff'
UNION ALL
WITH now() - INTERVAL $webhook_days DAY AS oldest
SELECT
    id,
    JSONHas(params, 'event') OR JSONHas(payload, 'event'),
    multiIf(
        JSONHas(params, 'event'), JSONExtractString(params, 'event'),
        JSONHas(payload, 'event'), JSONExtractString(payload, 'event'),
        'batch'
    ),
    if(academy_id IS NULL, [], [assumeNotNull(academy_id)]), NULL, NULL, '', NULL, 'PENDING', '', '', received_at,
    received_at
FROM $public.raw FINAL
-- Nearly all have an outcome: only the others are read and brought together.
PREWHERE id NOT IN (SELECT id FROM $derived.webhooks)
WHERE received_at >= oldest AND source != 'staff'
COMMENT 'As webhook_log, without what was received';
