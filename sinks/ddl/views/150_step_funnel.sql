-- Notebooks tell neither openings nor completions: a cell or an exercise is opened by whatever is first heard of it, and
-- an exercise completed by its first test that passes.
CREATE OR REPLACE VIEW $public.step_funnel $on_cluster
(
    asset_slug LowCardinality(String) COMMENT 'The tutorial',
    step_position Nullable(Int64) COMMENT 'Place of the step in the tutorial, from 0',
    step_slug String COMMENT 'The step',
    opened UInt64 COMMENT 'Students who opened it',
    attempted UInt64 COMMENT 'Students who compiled, tested or answered a quiz in it',
    completed UInt64 COMMENT 'Students who completed it',
    tries_median Nullable(Float64) COMMENT 'Compilations, tests and quizzes per student who attempted it, median',
    failures UInt64 COMMENT 'Of these, how many failed, over all students',
    seconds_median Nullable(Float64) COMMENT 'From first opening to completion, median, in seconds by the student\'s clock',
    seconds_p90 Nullable(Float64) COMMENT 'The same, 90th percentile',
    ai_interactions UInt64 COMMENT 'Questions to the AI tutor, over all students'
)
SQL SECURITY DEFINER AS
SELECT
    asset_slug,
    argMax(position, last_at) AS step_position,
    step_slug,
    countIf(opened_at IS NOT NULL) AS opened,
    countIf(tries > 0) AS attempted,
    countIf(completed_at IS NOT NULL) AS completed,
    quantileExactInclusiveIfOrNull(0.5)(toFloat64(tries), tries > 0) AS tries_median,
    sum(failed) AS failures,
    round(quantileExactInclusiveIfOrNull(0.5)(seconds, seconds >= 0), 1) AS seconds_median,
    round(quantileExactInclusiveIfOrNull(0.9)(seconds, seconds >= 0), 1) AS seconds_p90,
    sum(asked) AS ai_interactions
FROM
(
    SELECT
        asset_slug,
        step_slug,
        actor,
        argMax(step_position, occurred_at) AS position,
        max(occurred_at) AS last_at,
        minIfOrNull(occurred_at, event = 'open_step' OR source = 'notebook') AS opened_at,
        minIfOrNull(
            occurred_at, event = 'complete_step' OR (source = 'notebook' AND event = 'test' AND succeeded = 1)
        ) AS completed_at,
        countIf(event IN ('compile', 'test', 'quiz_submission')) AS tries,
        countIf(event IN ('compile', 'test', 'quiz_submission') AND succeeded = 0) AS failed,
        countIf(event = 'ai_interaction') AS asked,
        -- A clock that went back gives no duration.
        ifNull(dateDiff('millisecond', opened_at, completed_at) / 1000, -1.) AS seconds
    FROM $derived.events FINAL
    WHERE step_slug != '' AND actor NOT IN (SELECT concat('telemetry:', telemetry_id) FROM $derived.claims)
    GROUP BY asset_slug, step_slug, actor
)
GROUP BY asset_slug, step_slug
COMMENT 'How many students open, attempt and complete each step, and how long they take';
