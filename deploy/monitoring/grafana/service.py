"""The dashboard Service: does it work, for those who send and for those who read?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from deploy.monitoring.grafana.asked import BY_PART, LIVE, PART, percentile, rate, share
from deploy.monitoring.grafana.panels import AMBER, GREEN, RED, THIRD, board, lines, rows, states

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

__all__ = ["INGEST", "NAME", "dashboard"]

NAME: Final = "service"

# The routes at which webhooks and notebooks' events come in.
INGEST: Final = 'route=~"/v1/assignment/me/telemetry|/batch/|/capture/|/e/|/i/v0/e/"'

_NOW: Final = (
    rows(
        "Alerts that fire",
        "Empty where all is well. Each alert's annotations name its promise and its runbook.",
        [('ALERTS{alertname=~"Telemetry.+", alertstate="firing"}', "")],
        hidden=("Time", "Value", "__name__", "alertstate", "job"),
    ),
    states(
        "Parts and servers",
        "Who answers. A part that ends is started again.",
        [
            ('max by (process, pod, instance) (up{job="telemetry"})', PART),
            ("min(telemetry_monitor_kafka_up)", "Kafka"),
            ("min(telemetry_monitor_clickhouse_up)", "ClickHouse"),
        ],
        alerts=("TelemetryPartDown", "TelemetryKafkaAway", "TelemetryClickHouseAway"),
    ),
)
_TRAFFIC: Final = (
    lines(
        "Webhooks by answer",
        "Requests that bring webhooks or notebooks' events, per second, by the answer's status. 429 and 5xx: look at "
        "what is refused, below.",
        [(f"sum by (status) (rate(telemetry_gateway_requests_total{{{INGEST}}}[$__rate_interval]))", "{{status}}")],
        unit="reqps",
        width=THIRD,
        stacked=True,
        colours={"200": GREEN, "503": RED},
    ),
    lines(
        "Where they go",
        "Records that Kafka acknowledged, and those that went to a gateway's disk instead. Nothing is lost there; "
        "mend Kafka.",
        [
            ("sum(rate(telemetry_gateway_kafka_acknowledged_total[$__rate_interval]))", "Kafka"),
            ("sum(rate(telemetry_gateway_kafka_unacknowledged_total[$__rate_interval]))", "disk"),
        ],
        unit="wps",
        width=THIRD,
        stacked=True,
        colours={"Kafka": GREEN, "disk": AMBER},
    ),
    lines(
        "Bytes taken",
        "Of accepted webhooks, decompressed. Documents grow with a tutorial; ten times as much overnight is one "
        "client.",
        [("sum(rate(telemetry_gateway_accepted_bytes_total[$__rate_interval]))", "bytes")],
        unit="Bps",
        width=THIRD,
    ),
)
_LATENCY: Final = (
    lines(
        "Time to answer",
        "Of requests that bring webhooks. Most of it is Kafka's acknowledgement: compare with the next panel.",
        [
            (percentile(part, "telemetry_gateway_request_seconds", where=f"{{{INGEST}}}"), f"{100 * part:g} %")
            for part in (0.5, 0.95, 0.99)
        ],
        unit="s",
        width=THIRD,
    ),
    lines(
        "Kafka's acknowledgement",
        "From sending a batch until all replicas have it, 95 in 100. High: disks or network of the brokers.",
        [
            (
                percentile(0.95, "telemetry_gateway_kafka_ack_seconds"),
                "95 %",
            )
        ],
        unit="s",
        width=THIRD,
    ),
    lines(
        "Until it can be read",
        "From a webhook's arrival until it is in ClickHouse, as it came (raw) and with its outcome (webhooks); 95 "
        "blocks in 100. Over 10 s: see the dashboard Pipeline for who lags.",
        [(percentile(0.95, "telemetry_sink_freshness_seconds", "table", where=f"{{{LIVE}}}"), "{{table}}")],
        unit="s",
        width=THIRD,
        alerts=("TelemetryNotFresh",),
    ),
)
_ERRORS: Final = (
    lines(
        "Refused",
        "Webhooks and events that were not taken, per second. Too large, too many and unavailable are lost events; "
        "tokens: ask whoever sends.",
        [("sum by (reason) (rate(telemetry_gateway_refused_total[$__rate_interval]))", "{{reason}}")],
        unit="reqps",
        width=THIRD,
        stacked=True,
        alerts=("TelemetryLosesEvents", "TelemetryTokenErrors"),
    ),
    lines(
        "Answers that are our fault",
        "Share of all requests answered 5xx. The gateway's log has each.",
        [
            (
                share("telemetry_gateway_requests_total", 'status=~"5.."'),
                "5xx",
            )
        ],
        unit="percentunit",
        width=THIRD,
        colours={"5xx": RED},
    ),
    lines(
        "Restarts in an hour",
        "By part. Three in ten minutes are a loop; why is in the last line of its log.",
        [
            (
                'max by (process, pod, instance) (changes(process_start_time_seconds{job="telemetry"}[1h]))',
                PART,
            )
        ],
        unit="short",
        width=THIRD,
        alerts=("TelemetryPartRestarts",),
    ),
)
_SATURATION: Final = (
    lines(
        "Spool",
        "How full each gateway's spool is, of several processes the fullest. At 100 % webhooks are refused with 503.",
        [(f"{BY_PART} (telemetry_gateway_spool_used_ratio)", PART)],
        unit="percentunit",
        width=THIRD,
        most=1,
        alerts=("TelemetrySpoolFills",),
    ),
    lines(
        "Oldest webhook in a spool",
        "Rises while Kafka is away, and falls to 0 afterwards by itself. If it does not, the gateway's log says why.",
        [("max by (process, pod, instance) (telemetry_gateway_spool_age_seconds)", PART)],
        unit="s",
        width=THIRD,
        alerts=("TelemetrySpoolDoesNotDrain",),
    ),
    lines(
        "Event loops held up",
        "Share of the time in which nothing else could go on. Over 10 %: too few processes, or one very large "
        "document.",
        [
            (
                f"{BY_PART} ({rate(f'telemetry_{part}_loop_stalled_seconds_total')})",
                PART,
            )
            for part in ("gateway", "worker", "sink")
        ],
        unit="percentunit",
        width=THIRD,
        alerts=("TelemetryLoopStalls",),
    ),
    lines(
        "Disks, free",
        "Where the fullest one is. Below 10 % give space: a gateway without a disk cannot say `ok` while Kafka is "
        "away.",
        [
            (f"min(telemetry_{part}_disk_free_bytes / telemetry_{part}_disk_size_bytes)", legend)
            for part, legend in (
                ("gateway_spool", "spools"),
                ("worker", "workers' state"),
                ("monitor_clickhouse", "ClickHouse"),
            )
        ],
        unit="percentunit",
        width=THIRD,
        most=1,
        alerts=("TelemetryDiskFills",),
    ),
    lines(
        "Processors",
        "Processors' seconds per second of each part. A worker at 1 is at its limit: add workers, up to one a "
        "partition.",
        [
            (
                'max by (process, pod, instance) (rate(process_cpu_seconds_total{job="telemetry"}[$__rate_interval]))',
                PART,
            )
        ],
        unit="short",
        width=THIRD,
    ),
    lines(
        "Memory",
        "What each part has of it. Workers are bounded by their settings; what only ever rises is a fault worth an "
        "issue.",
        [
            (
                'max by (process, pod, instance) (process_resident_memory_bytes{job="telemetry"})',
                PART,
            )
        ],
        unit="bytes",
        width=THIRD,
    ),
)


def dashboard() -> Dashboard:
    """The golden signals: traffic, latency, errors, saturation; and first of all whether anything is wrong."""
    parts = {"Now": _NOW, "Traffic": _TRAFFIC, "Latency": _LATENCY, "Errors": _ERRORS, "Saturation": _SATURATION}
    text = "Does it work, for those who send and for those who read?"
    return board(
        NAME, "LearnPack Telemetry: Service", text, parts, sources=("prometheus",), since="now-6h", refresh="30s"
    ).build()
