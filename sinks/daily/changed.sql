-- Tutorials, and days of facts, that rows written since then are about. Claims touch what was anonymous until then; a
-- fact that is taken back was counted on a day that its new row does not tell, so all days of its tutorial are compared.
WITH
    claimed AS (SELECT concat('telemetry:', telemetry_id) FROM $derived.claims WHERE written_at >= {since:DateTime64(6)})
SELECT
    toString(asset_slug) AS asset, toDate(received_at) AS day,
    max(deleted AND written_at >= {since:DateTime64(6)}) AS every_day
FROM $derived.events
WHERE written_at >= {since:DateTime64(6)} OR actor IN claimed
GROUP BY asset, day
UNION ALL
SELECT DISTINCT toString(asset_slug), NULL, 0
FROM $derived.student_day
WHERE written_at >= {since:DateTime64(6)} OR actor IN claimed
