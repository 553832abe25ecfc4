CREATE TABLE IF NOT EXISTS $derived.scores $on_cluster
(
$scores_columns,
    INDEX student actor TYPE bloom_filter GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(${place}version, deleted)
ORDER BY (asset_slug, actor)
SETTINGS $deduplication
COMMENT $scores_comment;

-- Fed with the same lines as scores, whose other columns it passes over.
CREATE TABLE IF NOT EXISTS $derived.student_day $on_cluster
(
$student_day_columns,
    INDEX written written_at TYPE minmax GRANULARITY 1,
    INDEX student actor TYPE bloom_filter GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(${place}version, deleted)
ORDER BY (asset_slug, actor, day)
SETTINGS $deduplication
COMMENT $student_day_comment;

CREATE TABLE IF NOT EXISTS $derived.asset_daily $on_cluster
(
$asset_daily_columns
)
ENGINE = ${replicated}ReplacingMergeTree(${place}version, deleted)
ORDER BY (asset_slug, day)
SETTINGS $deduplication
COMMENT $asset_daily_comment;
