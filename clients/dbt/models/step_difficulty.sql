SELECT
    asset_slug,
    step_slug,
    any(step_position) AS step_position,
    count() AS attempts,
    countIf(NOT succeeded) AS failures,
    round(100 * failures / attempts, 1) AS failed_percent,
    uniqExact(user_id) AS students,
    uniqExactIf(user_id, succeeded) AS students_who_succeeded
FROM {{ ref('attempts') }}
GROUP BY asset_slug, step_slug
