-- A difference between what students tried and the sum over steps is a row, and a row is a failure.
SELECT counted, told
FROM
(
    SELECT
        (SELECT sum(attempts) FROM {{ ref('step_difficulty') }}) AS counted,
        (SELECT count() FROM {{ ref('attempts') }}) AS told
)
WHERE counted != told
