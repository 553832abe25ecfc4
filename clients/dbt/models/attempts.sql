SELECT
    user_id,
    asset_slug,
    step_slug,
    step_position,
    event,
    occurred_at,
    succeeded = 1 AS succeeded,
    row_number() OVER (PARTITION BY user_id, asset_slug, step_slug ORDER BY occurred_at, event, ordinal) AS attempt
FROM {{ source('telemetry', 'events') }}
WHERE event IN ('compile', 'test', 'quiz_submission') AND succeeded IS NOT NULL AND user_id IS NOT NULL
