-- How far everything was behind, measured by a gateway every half minute; of no generation, and nothing is computed of it.
CREATE TABLE IF NOT EXISTS $public.lag_history $on_cluster
(
    `at` DateTime64(3, 'UTC') COMMENT 'When it was measured',
    `consumer` LowCardinality(String) COMMENT 'Consumer group',
    `topic` LowCardinality(String) COMMENT 'What it reads',
    `partitions` Array(UInt32) COMMENT 'Partitions in which records waited',
    `records` Array(UInt64) COMMENT 'How many waited in each',
    `seconds` Array(Float64) COMMENT 'How long the oldest of each had waited since it was written'
)
ENGINE = ${replicated}MergeTree(${place_alone})
PARTITION BY toDate(at)
ORDER BY (at, consumer, topic)
TTL toDateTime(at) + INTERVAL 7 DAY
SETTINGS ttl_only_drop_parts = 1
COMMENT 'How far consumer groups were behind, of the last seven days';
