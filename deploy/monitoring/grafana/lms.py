"""The rows of Pipeline for the two parts that are run for an LMS: the forwarder, and the sync of its directory.

A system without them has no such figures, and the panels are empty. Several forwarders may have a receiver each: panels
of what waits, is paused or away tell them apart by process or pod, those of posts, of what was given up and of who was
found stuck are of all together, and say so.
"""

from __future__ import annotations

from typing import Final

from deploy.monitoring.grafana.asked import BY_PART, PART, percentile
from deploy.monitoring.grafana.panels import AMBER, GREEN, HALF, RED, THIRD, lines, states

__all__ = ["FORWARD", "SYNC"]

_AWAY: Final = "telemetry_forward_receiver_away_timestamp_seconds"

FORWARD: Final = (
    lines(
        "Posts by what came of them",
        "Messages to the LMS per second, of all forwarders. Refused: that message, which is tried again. Away: the "
        "receiver as a whole, which is left alone for a while. Gone: it wants nothing any more. The forwarder's "
        "log has each answer.",
        [("sum by (verdict) (rate(telemetry_forward_posts_total[$__rate_interval]))", "{{verdict}}")],
        unit="reqps",
        width=THIRD,
        stacked=True,
        colours={"taken": GREEN, "away": AMBER, "refused": RED, "gone": RED},
    ),
    lines(
        "Messages that wait",
        "Completions and episodes of being stuck that are not told yet. 0 at rest. Rising: the receiver is away or "
        "refuses, or the forwarder is paused; `learnpack-telemetry forward status` says it of one that does not run, "
        "too.",
        [("sum by (process, pod, topic) (telemetry_forward_lag_records)", "{{process}}{{pod}} {{topic}}")],
        unit="short",
        width=THIRD,
    ),
    lines(
        "Oldest message that waits",
        "How long ago it was written. One that is refused waits with pauses that grow, and is given up after "
        "TELEMETRY_FORWARD_GIVE_UP_HOURS; those of other students go on.",
        [("max by (process, pod, topic) (telemetry_forward_lag_seconds)", "{{process}}{{pod}} {{topic}}")],
        unit="s",
        width=THIRD,
        alerts=("TelemetryForwarderBehind",),
    ),
    lines(
        "A post",
        "Until there is an answer, whatever it is, of all forwarders. At TELEMETRY_FORWARD_TIMEOUT there is none: "
        "a receiver should answer first and do its work afterwards.",
        [(percentile(part, "telemetry_forward_post_seconds"), f"{100 * part:g} %") for part in (0.5, 0.95, 0.99)],
        unit="s",
        width=THIRD,
    ),
    states(
        "Paused",
        "By an operator, or by the receiver's 410. What comes meanwhile waits in Kafka; `learnpack-telemetry forward "
        "resume` goes on.",
        [(f"{BY_PART} (telemetry_forward_paused)", PART)],
        alerts=("TelemetryForwarderPaused",),
        words={"0": ("tells", GREEN), "1": ("paused", AMBER)},
        width=THIRD,
    ),
    lines(
        "Receiver away",
        "For how long the receiver has been taking nothing; 0 while it does. Nothing is lost meanwhile: mend the "
        "receiver, and what waits is told.",
        [(f"{BY_PART} ((time() - {_AWAY}) * ({_AWAY} > bool 0))", PART)],
        unit="s",
        width=THIRD,
    ),
    lines(
        "Given up in an hour",
        "Messages of all forwarders that became dead letters: not taken for too long, or no messages. "
        "`learnpack-telemetry dead-letters list` has the reasons, and `dead-letters retry` tells them once more.",
        [("sum by (topic) (increase(telemetry_forward_dead_letters_total[1h]))", "{{topic}}")],
        unit="short",
        width=THIRD,
        alerts=("TelemetryForwarderGivesUp",),
    ),
    lines(
        "Found stuck in an hour",
        "Students of whom an episode began, found by any forwarder, each told once. Many at once: look at the "
        "tutorial, on the dashboard Learning.",
        [("sum(increase(telemetry_forward_episodes_total[1h]))", "students")],
        unit="short",
        width=THIRD,
    ),
    lines(
        "Since it was asked who is stuck",
        "0 to TELEMETRY_FORWARD_STUCK_SECONDS while all is well. Rising: ClickHouse cannot be asked, and the "
        "forwarder's log says why. Nothing where stuck students are not told of.",
        [(f"time() - {BY_PART} (telemetry_forward_stuck_looked_timestamp_seconds > 0)", PART)],
        unit="s",
        width=THIRD,
    ),
)
SYNC: Final = (
    lines(
        "Age of the directory",
        "Since the last comparison ended that was whole: for so long a change in the LMS may be missing here. Nothing "
        "until the first one ended.",
        [(f"time() - {BY_PART} (telemetry_sync_synced_timestamp_seconds > 0)", PART)],
        unit="s",
        width=THIRD,
        alerts=("TelemetryDirectorySyncStale",),
    ),
    lines(
        "Comparisons in an hour",
        "Held back: too much would have changed at once. Failed: PostgreSQL or Kafka was away, or a query is wrong; "
        "it was begun again, and the log says why.",
        [("sum by (result) (increase(telemetry_sync_passes_total[1h]))", "{{result}}")],
        unit="short",
        width=THIRD,
        stacked=True,
        colours={"whole": GREEN, "held_back": AMBER, "failed": RED},
    ),
    lines(
        "A comparison",
        "What the last one took, and the pause that follows each. It grows with the rows of the LMS; once a day all "
        "of them are compared, which takes longer. Minutes at any other time: the LMS's database answers late.",
        [
            (f"{BY_PART} (telemetry_sync_pass_seconds)", f"took, {PART}"),
            (f"{BY_PART} (telemetry_sync_every_seconds)", f"pause, {PART}"),
        ],
        unit="s",
        width=THIRD,
    ),
    lines(
        "Rows of the LMS",
        "By kind, as the last comparison has seen them. A step down: a query leaves rows out, or the LMS deleted them.",
        [("max by (kind) (telemetry_sync_rows)", "{{kind}}")],
        unit="short",
        width=THIRD,
    ),
    lines(
        "Written in an hour",
        "Records that were new or had changed, by kind. As many as there are rows, again and again: two syncs with "
        "different queries write over each other.",
        [("sum by (kind) (increase(telemetry_sync_written_total[1h]))", "{{kind}}")],
        unit="short",
        width=THIRD,
    ),
    lines(
        "Removed in an hour",
        "Records that the LMS no longer had, by kind: each became a tombstone.",
        [("sum by (kind) (increase(telemetry_sync_removed_total[1h]))", "{{kind}}")],
        unit="short",
        width=THIRD,
    ),
    lines(
        "Held back",
        "Records that the LMS no longer has, or gave to somebody else, and that stay because they are too many at "
        "once. A wrong query or database looks like this; where the LMS really is so, --remove-any takes it once.",
        [("max by (kind) (telemetry_sync_held_back)", "{{kind}}")],
        unit="short",
        width=HALF,
        alerts=("TelemetryDirectorySyncHoldsBack",),
    ),
    lines(
        "Refused rows",
        "Rows of the last comparison that are no records and are left out, by kind. The log has their reasons.",
        [("max by (kind) (telemetry_sync_refused_rows)", "{{kind}}")],
        unit="short",
        width=HALF,
        alerts=("TelemetryDirectorySyncRefuses",),
    ),
)
