-- Without FINAL, so that a deletion, which is a row too, is seen: whoever asks for webhooks without an outcome asks here.
CREATE OR REPLACE VIEW $public.outcome_versions $on_cluster
(
    id UInt64 COMMENT 'As in webhooks',
    created_at DateTime64(3, 'UTC') COMMENT 'When the webhook arrived, or the deletion was written',
    academy_ids Array(UInt64) COMMENT 'As in webhooks',
    student_id Nullable(UInt64) COMMENT 'As in webhooks',
    source LowCardinality(String) COMMENT 'As in webhooks',
    version UInt64 COMMENT 'Of rows with one id the highest version counts',
    deleted UInt8 COMMENT '1 takes the webhook back'
)
SQL SECURITY DEFINER AS SELECT id, created_at, academy_ids, student_id, source, version, deleted FROM $derived.webhooks
COMMENT 'Rows of webhooks as they were written, deletions among them';
