"""The dashboard Pipeline: where between Kafka and ClickHouse do webhooks wait?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from deploy.monitoring.grafana.asked import LIVE, percentile
from deploy.monitoring.grafana.lms import FORWARD, SYNC
from deploy.monitoring.grafana.panels import THIRD, WHOLE, board, lines, rows

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

__all__ = ["NAME", "dashboard"]

NAME: Final = "pipeline"

_WORST: Final = "max by (topic)"
# Without the groups of a replay, which are behind by the age of the log.
_LIVE_LAG: Final = "telemetry_monitor_lag_seconds unless on (group) telemetry_monitor_group_live == 0"

_LAG: Final = (
    lines(
        "Lag, in seconds",
        "How long the oldest record has waited that a group has not got past. 0 at rest. The first group that lags is "
        "where "
        'to look; docs/operations.md, "Scale" says what to add.',
        [("max by (group, topic) (telemetry_monitor_lag_seconds)", "{{group}} {{topic}}")],
        unit="s",
        width=THIRD,
        alerts=("TelemetryLagGrows",),
    ),
    lines(
        "Lag, in records",
        "Falling: it catches up. Level and high: nobody works, or one partition stands (see below).",
        [("sum by (group, topic) (telemetry_monitor_lag_records)", "{{group}} {{topic}}")],
        unit="short",
        width=THIRD,
    ),
    lines(
        "Taken, processed, stored",
        "Webhooks per second at three places. Where a line stays below the one before, webhooks gather.",
        [
            ("sum(rate(telemetry_gateway_kafka_acknowledged_total[$__rate_interval]))", "taken"),
            (f"sum(rate(telemetry_worker_records_total{{{LIVE}}}[$__rate_interval]))", "processed"),
            (f'sum(rate(telemetry_sink_rows_total{{table="webhooks", {LIVE}}}[$__rate_interval]))', "stored"),
        ],
        unit="wps",
        width=THIRD,
    ),
    rows(
        "The ten partitions that are furthest behind",
        "One alone: a hot student, or a worker that stands (`learnpack-telemetry doctor`). All alike: too few workers "
        "or sinks.",
        [("topk(10, max by (group, topic, partition) (telemetry_monitor_lag_seconds))", "")],
        width=WHOLE,
        units={"Value": "s"},
        hidden=("Time",),
    ),
)
_WORKERS: Final = (
    lines(
        "A chunk, by stage",
        "95 in 100. The largest says where to look: Kafka for fetch and commit, processors for core, the disk for "
        "apply.",
        [(percentile(0.95, "telemetry_worker_chunk_seconds", "stage"), "{{stage}}")],
        unit="s",
        width=THIRD,
    ),
    lines(
        "Commits",
        "Transactions per second. At rest none; under load few large ones are better than many small ones.",
        [("sum(rate(telemetry_worker_commits_total[$__rate_interval]))", "commits")],
        unit="cps",
        width=THIRD,
    ),
    lines(
        "Written by workers",
        "Records per second, by topic. Facts are as many as students do things; dead letters should be none.",
        [("sum by (topic) (rate(telemetry_worker_written_records_total[$__rate_interval]))", "{{topic}}")],
        unit="wps",
        width=THIRD,
    ),
    lines(
        "Memory budget",
        "Share of it that fetched webhooks take. At 100 % a worker fetches no more until some are processed: that is "
        "well while it lasts for moments.",
        [("max(telemetry_worker_memory_held_bytes / telemetry_worker_memory_limit_bytes)", "fullest worker")],
        unit="percentunit",
        width=THIRD,
        most=1,
    ),
    lines(
        "Rebalances and restores",
        "Partitions dealt out anew, and changelog records read to restore state, per minute. Again and again: a "
        "worker that ends, see Restarts on the dashboard Service.",
        [
            ("60 * sum(rate(telemetry_worker_rebalances_total[$__rate_interval]))", "workers' rebalances"),
            ("60 * sum(rate(telemetry_sink_rebalances_total[$__rate_interval]))", "sinks' rebalances"),
            ("60 * sum(rate(telemetry_worker_restored_records_total[$__rate_interval]))", "restored records"),
        ],
        unit="short",
        width=THIRD,
    ),
    lines(
        "State",
        "Size of all workers' state on their disks. It grows with students and tutorials, not with webhooks.",
        [("sum(telemetry_worker_state_bytes)", "state")],
        unit="bytes",
        width=THIRD,
    ),
)
_SINKS: Final = (
    lines(
        "An insert, by table",
        "95 in 100. Seconds and rising: ClickHouse merges too much or has too little memory.",
        [(percentile(0.95, "telemetry_sink_insert_seconds", "table"), "{{table}}")],
        unit="s",
        width=THIRD,
    ),
    lines(
        "Rows stored",
        "Per second, by table, those among them that replace others.",
        [("sum by (table) (rate(telemetry_sink_rows_total[$__rate_interval]))", "{{table}}")],
        unit="wps",
        width=THIRD,
    ),
    lines(
        "Inserts tried again",
        "Per minute. ClickHouse is away, full or overloaded; sinks wait, and nothing is lost.",
        [("60 * sum by (table) (rate(telemetry_sink_insert_retries_total[$__rate_interval]))", "{{table}}")],
        unit="short",
        width=THIRD,
        alerts=("TelemetryInsertsRetry",),
    ),
    lines(
        "Held by sinks",
        "Bytes that were read and are not stored yet. They rise while ClickHouse is away, up to a bound.",
        [("sum by (group) (telemetry_sink_held_bytes)", "{{group}}")],
        unit="bytes",
        width=THIRD,
    ),
    lines(
        "Age of the daily figures",
        "Since the daily figures of tutorials were last computed. Over 15 minutes: the sink's log says why.",
        [(f"time() - max(telemetry_sink_daily_refreshed_timestamp_seconds{{{LIVE}}})", "age")],
        unit="s",
        width=THIRD,
        alerts=("TelemetryDailyLate",),
    ),
    lines(
        "ClickHouse's parts",
        "Parts of each table. Hundreds and rising: merges do not keep up with inserts.",
        [("max by (table) (telemetry_monitor_table_parts)", "{{table}}")],
        unit="short",
        width=THIRD,
    ),
)
_WHOLE: Final = (
    lines(
        "Who works",
        "Processes in each group. 0: nobody does, start one.",
        [("max by (group) (telemetry_monitor_group_members)", "{{group}}")],
        unit="short",
        width=THIRD,
        alerts=("TelemetryNobodyWorks",),
    ),
    lines(
        "Lag against retention",
        "Share of what Kafka keeps by which the slowest reader is behind. At 100 % Kafka deletes what nobody has "
        "read: raise the topic's retention first, then mend the reader.",
        [
            (
                f"{_WORST} ({_LIVE_LAG}) / {_WORST} (telemetry_monitor_retention_seconds > 0)",
                "{{topic}}",
            )
        ],
        unit="percentunit",
        width=THIRD,
        alerts=("TelemetryRetentionNear",),
    ),
    lines(
        "Generations",
        "For how long workers have been waiting for a change of generations. Minutes are well during a swap.",
        [("max(telemetry_monitor_generation_waits_seconds)", "waits")],
        unit="s",
        width=THIRD,
        alerts=("TelemetryGenerationStuck",),
    ),
)


def dashboard() -> Dashboard:
    """Lag first, then workers and sinks in the order of a webhook's way, what bounds them, and what an LMS is told."""
    parts = {
        "Lag": _LAG,
        "Workers": _WORKERS,
        "Sinks and ClickHouse": _SINKS,
        "As a whole": _WHOLE,
        "Told to the LMS: forwarders, where any runs": FORWARD,
        "Read from the LMS: directory sync, where it runs": SYNC,
    }
    text = "Where between Kafka and ClickHouse do webhooks wait?"
    return board(
        NAME, "LearnPack Telemetry: Pipeline", text, parts, sources=("prometheus",), since="now-6h", refresh="30s"
    ).build()
