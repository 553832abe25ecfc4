"""The dashboard Data quality: is everything there, and is what comes in well?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from deploy.monitoring.grafana.asked import LIVE, Sql, share
from deploy.monitoring.grafana.panels import AMBER, GREEN, GREY, RED, THIRD, WHOLE, board, lines, rows
from deploy.monitoring.grafana.queries import of_page

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard

__all__ = ["NAME", "dashboard"]

NAME: Final = "quality"

_VERDICTS: Final = {
    "stored": GREEN,
    "ignored": GREY,
    "duplicate": GREY,
    "stale": "#a0a0a0",
    "pending": AMBER,
    "error": RED,
    "dead": "dark-red",
}

_HOURS: Final = """
SELECT hour, received, stored, ignored, duplicate, stale, error, dead, pending, failed_percent, commonest_error
FROM webhook_health
WHERE $__timeFilter(hour)
ORDER BY hour DESC
LIMIT 200
"""

# Reasons and values are not for whoever reads this: `dead-letters list` has them.
_LETTERS: Final = """
SELECT topic, stage, if(resolution = '', 'waits', resolution) AS state, count() AS letters,
    max(received_at) AS newest
FROM dead_letters
GROUP BY topic, stage, state
ORDER BY state = 'waits' DESC, newest DESC
LIMIT 100
"""

_OUTCOMES: Final = (
    lines(
        "Verdicts",
        "What became of webhooks, per second. Much grey: rules ignore, or clients repeat. Red: the table of hours has "
        "the commonest words.",
        [(f"sum by (verdict) (rate(telemetry_worker_verdicts_total{{{LIVE}}}[$__rate_interval]))", "{{verdict}}")],
        unit="wps",
        stacked=True,
        colours=_VERDICTS,
    ),
    lines(
        "Share that failed",
        "Of webhooks that were processed: with an error, which tells its client, or as a dead letter.",
        [
            (
                share("telemetry_worker_verdicts_total", f'verdict="{verdict}"', of=LIVE),
                verdict,
            )
            for verdict in ("error", "dead")
        ],
        unit="percentunit",
        colours=_VERDICTS,
    ),
    rows(
        "By hour of arrival",
        "The view `webhook_health`, the newest hour first, with the text that most errors of the hour have.",
        Sql(_HOURS),
        width=WHOLE,
        units={"failed_percent": "percent"},
    ),
)
_LEDGER: Final = (
    lines(
        "Ledger, difference",
        "Webhooks received minus those with an outcome or none yet, by day: always 0. Else something is lost or made "
        "up: `learnpack-telemetry trace` follows one webhook.",
        [("sum by (day) (abs(telemetry_monitor_ledger_difference))", "{{day}}")],
        unit="short",
        width=THIRD,
        alerts=("TelemetryLedgerDiffers",),
    ),
    rows(
        "Ledger, by academy",
        'docs/analysts.md, "12. Is anything missing?": every webhook that arrived has one outcome, of all that the '
        "view has.",
        Sql(of_page(12)),
        width=2 * THIRD,
    ),
)
_LOST: Final = (
    lines(
        "New dead letters",
        "Per hour, by where they failed: workers' by stage, sinks' by topic. One client's rubbish, or a bug: "
        "`learnpack-telemetry dead-letters list`.",
        [
            (f"sum by (reason) (increase(telemetry_worker_dead_letters_total{{{LIVE}}}[1h]))", "worker: {{reason}}"),
            (f"sum by (topic) (increase(telemetry_sink_dead_letters_total{{{LIVE}}}[1h]))", "sink: {{topic}}"),
        ],
        unit="short",
        alerts=("TelemetryDeadLetters",),
    ),
    rows(
        "Dead letters that are kept",
        "Those that wait first. Mend the cause, then send them again: they keep their ids.",
        Sql(_LETTERS),
    ),
    lines(
        "Refused at the gateway",
        "Per hour, by the answer's reason. These were never taken, so the ledger has none of them.",
        [("sum by (reason) (increase(telemetry_gateway_refused_total[1h]))", "{{reason}}")],
        unit="short",
        width=THIRD,
        stacked=True,
        alerts=("TelemetryLosesEvents", "TelemetryTokenErrors"),
    ),
    lines(
        "Came too fast",
        "Per hour, of whose rate it was. A student's: a client in a loop. A key's as a whole: raise its rate, or ask "
        "who sends.",
        [("sum by (whose) (increase(telemetry_gateway_limited_total[1h]))", "{{whose}}")],
        unit="short",
        width=THIRD,
        stacked=True,
    ),
    lines(
        "Mended bodies",
        "Per hour: bodies that were not quite JSON and were taken all the same. Many: look at the client.",
        [("sum by (what) (increase(telemetry_gateway_mended_total[1h]))", "{{what}}")],
        unit="short",
        width=THIRD,
        stacked=True,
    ),
)


def dashboard() -> Dashboard:
    """Outcomes, the ledger, and whatever did not become a row."""
    parts = {"Outcomes": _OUTCOMES, "The ledger": _LEDGER, "What is not in the tables": _LOST}
    text = "Is everything there, and is what comes in well?"
    sources = ("prometheus", "clickhouse")
    return board(
        NAME, "LearnPack Telemetry: Data quality", text, parts, sources=sources, since="now-24h", refresh="1m"
    ).build()
