-- Three parts, so that nothing waits for the other topic: both are here; no outcome yet; an outcome ahead of its webhook.
-- The second asks for ids without FINAL, so that a deleted webhook, whose deletion is a row too, is not pending again.
CREATE OR REPLACE VIEW $public.webhook_log $on_cluster
($webhook_log_view)
SQL SECURITY DEFINER AS
WITH now() - INTERVAL $webhook_days DAY AS oldest
SELECT
    r.id AS id, r.received_at AS received_at, r.academy_id AS academy_id, r.principal AS principal, r.source AS source,
    r.params AS params, r.payload AS payload, r.receipt AS receipt,
    w.is_streaming AS is_streaming, w.event AS event, w.academy_ids AS academy_ids, w.student_id AS student_id,
    w.asset_id AS asset_id, w.package_slug AS package_slug, w.learnpack_package_id AS learnpack_package_id,
    w.status AS status, w.status_text AS status_text, w.verdict AS verdict, w.result AS result,
    w.created_at AS created_at, w.updated_at AS updated_at
FROM (SELECT * FROM $public.raw FINAL WHERE received_at >= oldest AND source != 'staff') AS r
INNER JOIN (SELECT * FROM $derived.webhooks FINAL WHERE source != 'staff') AS w ON r.id = w.id
UNION ALL
WITH now() - INTERVAL $webhook_days DAY AS oldest
SELECT
    id, received_at, academy_id, principal, source, params, payload, receipt,
    JSONHas(params, 'event') OR JSONHas(payload, 'event'),
    multiIf(
        JSONHas(params, 'event'), JSONExtractString(params, 'event'),
        JSONHas(payload, 'event'), JSONExtractString(payload, 'event'),
        'batch'
    ),
    if(academy_id IS NULL, [], [assumeNotNull(academy_id)]), NULL, NULL, '', NULL, 'PENDING', '', '', NULL,
    received_at, received_at
FROM $public.raw FINAL
WHERE received_at >= oldest AND source != 'staff' AND id NOT IN (SELECT id FROM $derived.webhooks)
UNION ALL
WITH now() - INTERVAL $webhook_days DAY AS oldest
SELECT
    id, created_at, if(empty(academy_ids), NULL, academy_ids[1]), NULL, source, '{}', '', '',
    is_streaming, event, academy_ids, student_id, asset_id, package_slug, learnpack_package_id, status, status_text,
    verdict, result, created_at, updated_at
FROM $derived.webhooks FINAL
WHERE created_at >= oldest AND source != 'staff'
    AND id NOT IN (SELECT id FROM $public.raw WHERE received_at >= oldest - INTERVAL 2 DAY)
COMMENT 'Webhooks of the last $webhook_days days with what became of them; PENDING while nothing has';
