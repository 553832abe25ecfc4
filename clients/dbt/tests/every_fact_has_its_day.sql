-- The days of all tutorials hold each fact of a known student once.
SELECT counted, told
FROM
(
    SELECT
        (SELECT sum(things_done) FROM {{ ref('tutorial_days') }}) AS counted,
        (SELECT count() FROM {{ source('telemetry', 'events') }} WHERE user_id IS NOT NULL) AS told
)
WHERE counted != told
