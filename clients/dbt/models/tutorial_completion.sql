SELECT
    asset_slug,
    count() AS students,
    round(avg(completion_rate), 1) AS mean_completion,
    countIf(completion_rate >= 90) AS nearly_done,
    round(avg(frustration_score), 1) AS mean_frustration
FROM {{ source('telemetry', 'scores') }}
WHERE user_id IS NOT NULL
GROUP BY asset_slug
