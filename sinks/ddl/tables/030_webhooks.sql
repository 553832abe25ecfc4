-- The order is the id alone: a deletion knows nothing else of its row. Rows outlive the views' days by two, so that a
-- day is either whole in a view or not in it; a deletion's own time is when it was written, so it outlives what it hides.
CREATE TABLE IF NOT EXISTS $derived.webhooks $on_cluster
(
$webhooks_columns,
    INDEX created created_at TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(${place}version, deleted)
ORDER BY id
TTL $webhooks_ttl
SETTINGS $deduplication
COMMENT $webhooks_comment;
