-- No step fails more often than it is tried, and nobody is further than the end.
SELECT asset_slug, failed_percent AS percent FROM {{ ref('step_difficulty') }}
WHERE failed_percent NOT BETWEEN 0 AND 100
UNION ALL
SELECT asset_slug, mean_completion AS percent FROM {{ ref('tutorial_completion') }}
WHERE mean_completion NOT BETWEEN 0 AND 100
