-- Without FINAL: whoever wants few of many facts finds them here first, among some that count no more, and then asks for
-- these items of `events`, which is exact. To bring the rows of all items together first would take many times as long.
CREATE OR REPLACE VIEW $public.event_versions $on_cluster
(
    asset_slug LowCardinality(String) COMMENT 'As in events',
    event LowCardinality(String) COMMENT 'As in events',
    step_slug String COMMENT 'As in events',
    actor String COMMENT 'As in events',
    item_id UInt128 COMMENT 'As in events',
    user_id Nullable(UInt64) COMMENT 'As in events',
    occurred_at DateTime64(3, 'UTC') COMMENT 'As in events',
    received_at DateTime64(3, 'UTC') COMMENT 'As in events',
    succeeded Nullable(Bool) COMMENT 'As in events',
    webhook_id UInt64 COMMENT 'As in events',
    version UInt64 COMMENT 'Of rows with one item_id the highest version counts',
    deleted UInt8 COMMENT '1 takes the fact back',
    written_at DateTime64(6, 'UTC') COMMENT 'When the row was inserted'
)
SQL SECURITY DEFINER AS
SELECT
    asset_slug, event, step_slug, actor, item_id, user_id, occurred_at, received_at, succeeded, webhook_id, version,
    deleted, written_at
FROM $derived.events
COMMENT 'Rows of events as they were written, deletions among them';
