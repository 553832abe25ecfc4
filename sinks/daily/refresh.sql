-- The days of some tutorials that are not what the versions in the tables say, computed anew.
--
-- An average as of a day needs each student's latest scores up to it. Each row of student_day is a move: it takes the
-- student's previous scores out of the sums and puts the new ones in; sums over the moves up to a day are that day's.
-- Sums are decimal, so that neither order nor size of blocks can show; the mean and its rounding are Python's.
INSERT INTO $derived.asset_daily
(
    day, asset_slug, frustration_avg, engagement_avg, completion_avg, total_sessions, active_students, open_steps,
    compiles, compile_failures, tests, test_failures, quizzes, quiz_failures, ai_interactions, computed_at,
    scores_seen, facts_seen, version, deleted
)
WITH
    claimed AS (SELECT concat('telemetry:', telemetry_id) FROM $derived.claims),
    score_rows AS
    (
        SELECT
            asset_slug, actor, day,
            cityHash64(actor, day, version) AS seen,
            [frustration_score, engagement_score, completion_rate] AS scores,
            arrayMap(x -> ifNull(toDecimal256OrNull(toString(x), 9), toDecimal256(0, 9)), scores) AS sums,
            arrayMap(x -> toInt64(isNotNull(x)), scores) AS counts
        FROM $derived.student_day FINAL
        WHERE asset_slug IN {assets:Array(String)} AND actor NOT IN claimed
    ),
    score_moves AS
    (
        SELECT
            asset_slug, day,
            bitXor(seen, lagInFrame(seen, 1, toUInt64(0)) OVER previous) AS seen_move,
            arrayMap(
                (new, old) -> new - old,
                sums, lagInFrame(sums, 1, arrayMap(x -> toDecimal256(0, 9), sums)) OVER previous
            ) AS sum_moves,
            arrayMap(
                (new, old) -> new - old,
                counts, lagInFrame(counts, 1, arrayMap(x -> toInt64(0), counts)) OVER previous
            ) AS count_moves,
            toInt64(row_number() OVER previous = 1) AS joined
        FROM score_rows
        WINDOW previous AS
            (PARTITION BY asset_slug, actor ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    ),
    parts AS
    (
        SELECT
            'scores' AS part, asset_slug, day, groupBitXor(seen_move) AS seen,
            sumForEach(sum_moves) AS sums, sumForEach(count_moves) AS counts, sum(joined) AS joined,
            emptyArrayUInt64() AS figures
        FROM score_moves
        GROUP BY asset_slug, day
        UNION ALL
        SELECT
            'facts', asset_slug, toDate(received_at) AS day, groupBitXor(cityHash64(item_id, version)), [], [], 0,
            [
                uniqExact(actor),
                countIf(event = 'open_step'),
                countIf(event = 'compile'), countIf(event = 'compile' AND succeeded = 0),
                countIf(event = 'test'), countIf(event = 'test' AND succeeded = 0),
                countIf(event = 'quiz_submission'), countIf(event = 'quiz_submission' AND succeeded = 0),
                countIf(event = 'ai_interaction')
            ]
        FROM $derived.events FINAL
        WHERE asset_slug IN {assets:Array(String)} AND ($every_day OR toDate(received_at) IN {days:Array(Date)}) AND actor NOT IN claimed
        GROUP BY asset_slug, day
        UNION ALL
        SELECT
            'stored', asset_slug, day, scores_seen, [], [], 0,
            [
                active_students, open_steps, compiles, compile_failures, tests, test_failures, quizzes, quiz_failures,
                ai_interactions
            ]
        FROM $derived.asset_daily FINAL
        WHERE asset_slug IN {assets:Array(String)}
        UNION ALL
        SELECT 'stored facts', asset_slug, day, facts_seen, [], [], 0, []
        FROM $derived.asset_daily FINAL
        WHERE asset_slug IN {assets:Array(String)}
    ),
    days AS
    (
        SELECT
            asset_slug, day,
            countIf(part = 'scores') > 0 AS scored,
            countIf(part = 'stored') > 0 AS stored,
            $every_day OR day IN {days:Array(Date)} AS counted,
            groupBitXorIf(seen, part = 'scores') AS seen_move,
            sumForEachIf(sums, part = 'scores') AS sum_moves,
            sumForEachIf(counts, part = 'scores') AS count_moves,
            sumIf(joined, part = 'scores') AS joined,
            groupBitXorIf(seen, part = 'stored') AS stored_scores_seen,
            groupBitXorIf(seen, part = 'stored facts') AS stored_facts_seen,
            if(counted, groupBitXorIf(seen, part = 'facts'), stored_facts_seen) AS facts_seen,
            arrayResize(if(counted, anyIf(figures, part = 'facts'), anyIf(figures, part = 'stored')), 9) AS figures
        FROM parts
        GROUP BY asset_slug, day
    ),
    totals AS
    (
        SELECT
            asset_slug, day, scored, stored, stored_scores_seen, stored_facts_seen, facts_seen, figures,
            groupBitXor(seen_move) OVER up_to_day AS scores_seen,
            sumForEach(arrayResize(sum_moves, 3, toDecimal256(0, 9))) OVER up_to_day AS sums,
            sumForEach(arrayResize(count_moves, 3, toInt64(0))) OVER up_to_day AS counts,
            sum(joined) OVER up_to_day AS sessions
        FROM days
        WINDOW up_to_day AS
            (PARTITION BY asset_slug ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    ),
    averaged AS
    (
        SELECT
            *,
            -- printf rounds the exact binary value, half to even, as Python's round does; ClickHouse's round does not.
            arrayMap(
                (total, count) -> if(count = 0, 0., toFloat64(printf('%.2f', toFloat64(total) / count))), sums, counts
            ) AS averages
        FROM totals
        WHERE $forced OR NOT stored OR scores_seen != stored_scores_seen OR facts_seen != stored_facts_seen
    )
SELECT
    day, asset_slug, averages[1], averages[2], averages[3], sessions,
    figures[1], figures[2], figures[3], figures[4], figures[5], figures[6], figures[7], figures[8], figures[9],
    now64(6), scores_seen, facts_seen, toUnixTimestamp64Micro(now64(6)),
    NOT scored AND facts_seen = 0 AND figures[1] = 0
FROM averaged
