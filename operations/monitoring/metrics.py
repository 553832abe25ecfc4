"""The monitor's figures for Prometheus: of Kafka, ClickHouse and the generations, as the commands see them."""

from __future__ import annotations

from typing import Final

from broker.lag_figures import LagFigures
from broker.loop_watch import LoopWatch
from broker.metrics import PartMetrics

__all__ = [
    "CHANGE_SECONDS",
    "CLICKHOUSE_UP",
    "DISK_FREE",
    "DISK_SIZE",
    "GENERATION",
    "GROUP_LIVE",
    "KAFKA_UP",
    "KINDS",
    "LAG",
    "LEDGER",
    "LOOKED_AT",
    "LOOP",
    "MEMBERS",
    "MEMORY",
    "MONITOR",
    "PARTS",
    "QUERIES",
    "RETENTION",
    "STEP",
    "TABLE_BYTES",
    "TABLE_ROWS",
    "TOPIC_END",
    "TOPIC_KEPT",
]

MONITOR: Final = PartMetrics("monitor")

KAFKA_UP: Final = MONITOR.gauge("kafka_up", "Whether Kafka answered when it was last asked.")
CLICKHOUSE_UP: Final = MONITOR.gauge("clickhouse_up", "Whether ClickHouse answered when it was last asked.")
KINDS: Final = ("kafka", "clickhouse", "ledger")
LOOKED_AT: Final = MONITOR.gauge(
    "looked_timestamp_seconds",
    f"When the figures of a kind were last read, whole: {', '.join(KINDS)}. Until the first time, when the monitor"
    " began.",
    "kind",
)
LAG: Final = LagFigures(MONITOR, "lag", "a group of workers or sinks has", ("group", "topic", "partition"))
MEMBERS: Final = MONITOR.gauge("group_members", "How many processes work in a group. 0: nobody does.", "group")
GROUP_LIVE: Final = MONITOR.gauge(
    "group_live",
    "1 for groups that read for the live generation, 0 for those of one that is computed beside it, whose lag is the"
    " age of the log.",
    "group",
)
TOPIC_KEPT: Final = MONITOR.gauge("topic_kept_offsets", "Offsets that Kafka keeps of a topic that is read.", "topic")
TOPIC_END: Final = MONITOR.gauge(
    "topic_end_offsets", "The ends of its partitions, added up: how fast it rises is how fast it is written.", "topic"
)
RETENTION: Final = MONITOR.gauge(
    "retention_seconds",
    "After which time Kafka deletes what was written to a topic, read or not, as the topic itself has it: its lag must"
    " stay far below.",
    "topic",
)
GENERATION: Final = MONITOR.gauge("generation", "The number of the generation that is live.")
STEP: Final = MONITOR.gauge(
    "generation_step", "1 for the step at which a change of generations stands, 0 for all others.", "step"
)
CHANGE_SECONDS: Final = MONITOR.gauge(
    "generation_waits_seconds", "For how long workers have been waiting for a change of generations; 0 if they are not."
)
TABLE_ROWS: Final = MONITOR.gauge("table_rows", "Rows of a table on disk, replaced ones among them.", "table")
TABLE_BYTES: Final = MONITOR.gauge("table_bytes", "What a table takes of the disk.", "table")
PARTS: Final = MONITOR.gauge("table_parts", "Parts of a table that wait to be merged or are merged.", "table")
DISK_FREE: Final = MONITOR.gauge("clickhouse_disk_free_bytes", "What is free on ClickHouse's disk.")
DISK_SIZE: Final = MONITOR.gauge("clickhouse_disk_size_bytes", "The size of ClickHouse's disk.")
QUERIES: Final = MONITOR.gauge("clickhouse_queries", "Queries that ClickHouse runs, this one among them.")
MEMORY: Final = MONITOR.gauge("clickhouse_memory_bytes", "What ClickHouse has taken of the memory, by its own count.")
LEDGER: Final = MONITOR.gauge(
    "ledger_difference",
    "Webhooks received minus those with an outcome or without one yet, by academy and day (UTC) of the last week, as"
    " the view `ledger` has them: 0, or something is lost or made up. What came the day before yesterday or earlier and"
    " has no outcome counts as lost while no group is more than a minute behind. Academies beyond fifty are together in"
    " `others`.",
    "academy",
    "day",
)
LOOP: Final = LoopWatch(MONITOR)
