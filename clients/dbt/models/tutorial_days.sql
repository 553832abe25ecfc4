SELECT
    asset_slug,
    toDate(occurred_at) AS day,
    uniqExact(user_id) AS students,
    count() AS things_done,
    countIf(event = 'complete_step') AS steps_completed,
    countIf(event = 'ai_interaction') AS questions_to_tutor
FROM {{ source('telemetry', 'events') }}
WHERE user_id IS NOT NULL
GROUP BY asset_slug, day
