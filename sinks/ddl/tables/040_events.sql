-- Analysts ask for a tutorial, then a kind of event, then a step: all are functions of item_id, so the order may hold them.
CREATE TABLE IF NOT EXISTS $derived.events $on_cluster
(
$events_columns,
    INDEX occurred occurred_at TYPE minmax GRANULARITY 1,
    INDEX received received_at TYPE minmax GRANULARITY 1,
    INDEX written written_at TYPE minmax GRANULARITY 1,
    INDEX student actor TYPE bloom_filter GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(${place}version, deleted)
ORDER BY (asset_slug, event, step_slug, actor, item_id)
SETTINGS $deduplication
COMMENT $events_comment;
