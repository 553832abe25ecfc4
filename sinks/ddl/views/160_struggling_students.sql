CREATE OR REPLACE VIEW $public.struggling_students $on_cluster
(
    period String COMMENT '30 minutes or 7 days: how far back attempts count',
    user_id Nullable(UInt64) COMMENT 'The student\'s numeric user id, null while nobody is named',
    actor String COMMENT 'The student',
    asset_slug LowCardinality(String) COMMENT 'The tutorial',
    step_slug String COMMENT 'The step that is not completed',
    step_position Nullable(Int64) COMMENT 'Its place in the tutorial, from 0',
    failures UInt64 COMMENT 'Failed compilations, tests and quizzes since the last that went well: at least 3',
    stuck_since DateTime64(3, 'UTC') COMMENT 'The first of these failures',
    last_attempt_at DateTime64(3, 'UTC') COMMENT 'The last of them',
    ai_interactions UInt64 COMMENT 'Questions to the AI tutor since then',
    frustration_score Nullable(Float64) COMMENT 'Of the tutorial, as last computed'
)
SQL SECURITY DEFINER AS
WITH
    anonymous AS (SELECT concat('telemetry:', telemetry_id) AS actor FROM $derived.claims),
    attempts AS
    (
        SELECT
            span.1 AS period, user_id, actor, asset_slug, step_slug, step_position, event, occurred_at, succeeded,
            maxIf(occurred_at, event IN ('compile', 'test', 'quiz_submission') AND succeeded = 1)
                OVER (PARTITION BY span.1, actor, asset_slug, step_slug) AS last_success
        FROM $derived.events FINAL
        ARRAY JOIN [('30 minutes', 30), ('7 days', 7 * 24 * 60)] AS span
        WHERE event IN ('compile', 'test', 'quiz_submission', 'ai_interaction')
            AND occurred_at BETWEEN now() - INTERVAL 7 DAY AND now() + INTERVAL 5 MINUTE
            AND occurred_at >= subtractMinutes(now(), span.2)
            AND step_slug != '' AND actor NOT IN anonymous
    ),
    stuck AS
    (
        SELECT
            period, actor, asset_slug, step_slug,
            any(user_id) AS user_id,
            argMax(step_position, occurred_at) AS step_position,
            countIf(succeeded = 0 AND occurred_at > last_success) AS failures,
            minIf(occurred_at, succeeded = 0 AND occurred_at > last_success) AS stuck_since,
            maxIf(occurred_at, succeeded = 0) AS last_attempt_at,
            countIf(event = 'ai_interaction' AND occurred_at > last_success) AS ai_interactions
        FROM attempts
        GROUP BY period, actor, asset_slug, step_slug
        HAVING failures >= 3
    )
SELECT
    period, user_id, actor, asset_slug, step_slug, step_position, failures, stuck_since, last_attempt_at,
    ai_interactions, s.frustration_score AS frustration_score
FROM stuck
LEFT JOIN (SELECT asset_slug, actor, frustration_score FROM $derived.scores FINAL) AS s USING (asset_slug, actor)
WHERE (asset_slug, step_slug, actor) NOT IN
(
    SELECT asset_slug, step_slug, actor
    FROM $derived.events FINAL
    WHERE event = 'complete_step' OR (source = 'notebook' AND event = 'test' AND succeeded = 1)
)
COMMENT 'Students who fail again and again in a step that they have not completed';
