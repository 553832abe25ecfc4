CREATE TABLE IF NOT EXISTS $derived.telemetry $on_cluster
(
$telemetry_columns,
    INDEX student actor TYPE bloom_filter GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(${place}version, deleted)
ORDER BY (asset_slug, actor)
SETTINGS index_granularity = 1024, $deduplication
COMMENT $telemetry_comment;

CREATE TABLE IF NOT EXISTS $derived.claims $on_cluster
(
$claims_columns,
    INDEX written written_at TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(${place}version)
ORDER BY (telemetry_id, actor)
SETTINGS $deduplication
COMMENT $claims_comment;
