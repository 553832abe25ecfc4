-- Raw is shared by all generations. No PARTITION BY: rows of one id must be able to meet in a merge.
CREATE TABLE IF NOT EXISTS $public.raw $on_cluster
(
$raw_columns,
    INDEX received received_at TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(${place}version)
ORDER BY id
TTL $raw_ttl
SETTINGS index_granularity = 1024, $deduplication
COMMENT $raw_comment;
