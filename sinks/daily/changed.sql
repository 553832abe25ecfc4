-- Tutorials, and days of facts, that rows written since then are about; claims touch what was anonymous until then.
WITH
    claimed AS (SELECT concat('telemetry:', telemetry_id) FROM $derived.claims WHERE written_at >= {since:DateTime64(6)})
SELECT DISTINCT toString(asset_slug) AS asset, toDate(received_at) AS day
FROM $derived.events
WHERE written_at >= {since:DateTime64(6)} OR actor IN claimed
UNION ALL
SELECT DISTINCT toString(asset_slug), NULL
FROM $derived.student_day
WHERE written_at >= {since:DateTime64(6)} OR actor IN claimed
