CREATE TABLE IF NOT EXISTS $derived.dead_letters $on_cluster
(
$dead_letters_columns
)
ENGINE = ${replicated}ReplacingMergeTree(${place}version, deleted)
ORDER BY (topic, partition, offset, line, stage)
SETTINGS index_granularity = 1024, $deduplication
COMMENT $dead_letters_comment;
