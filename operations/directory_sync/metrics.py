"""The figures of `directory sync` for Prometheus."""

from __future__ import annotations

from typing import Final

from broker.loop_watch import LoopWatch
from broker.metrics import PartMetrics

__all__ = [
    "EVERY",
    "HELD_BACK",
    "LOOP",
    "PASSES",
    "PASS_SECONDS",
    "REFUSED",
    "REMOVED",
    "ROWS",
    "SYNC",
    "SYNCED_AT",
    "WRITTEN",
]

SYNC: Final = PartMetrics("sync")

PASSES: Final = SYNC.counter(
    "passes",
    "How often the LMS was compared with the directory: `whole`; `held_back`, where too much would have changed; or"
    " `failed`, and begun again.",
    "result",
)
SYNCED_AT: Final = SYNC.gauge(
    "synced_timestamp_seconds", "When the last pass ended that was whole: how far the directory may be behind the LMS."
)
EVERY: Final = SYNC.gauge("every_seconds", "How long it pauses after each pass.")
PASS_SECONDS: Final = SYNC.gauge("pass_seconds", "How long that pass took.")
ROWS: Final = SYNC.gauge("rows", "Rows of the LMS, as that pass has seen them.", "kind")
WRITTEN: Final = SYNC.counter("written", "Records that were new or had changed, and were written.", "kind")
REMOVED: Final = SYNC.counter("removed", "Records that the LMS no longer had, and were removed.", "kind")
REFUSED: Final = SYNC.gauge("refused_rows", "Rows of the last pass that are no records: see the log.", "kind")
HELD_BACK: Final = SYNC.gauge(
    "held_back",
    "Records that the LMS no longer had in the last pass, or gave to somebody else, and that stay because they were too"
    " many at once.",
    "kind",
)
LOOP: Final = LoopWatch(SYNC)
