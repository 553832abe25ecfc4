"""The worker's figures for Prometheus."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from broker.lag_figures import LagFigures
from broker.loop_watch import LoopWatch
from broker.metrics import PartMetrics
from broker.tracing import SPANS as _SPANS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from streams.dead_letters import DeadLetter
    from streams.memory import MemoryBudget
    from streams.processing import Processed

__all__ = [
    "BYTES",
    "CHUNK_SECONDS",
    "COMMITS",
    "LAG",
    "LOOP",
    "OPEN",
    "REBALANCES",
    "RECORDS",
    "RESTORED",
    "RESTORE_SECONDS",
    "SPANS",
    "WORKER",
    "WRITTEN",
    "WRITTEN_BYTES",
    "note_judged",
    "watch_memory",
    "watch_state",
]

WORKER: Final = PartMetrics("worker")

RECORDS: Final = WORKER.counter("records", "Webhooks that were processed and committed.", "partition")
BYTES: Final = WORKER.counter("bytes", "Bytes of keys and values of chunks that were processed.", "partition")
WRITTEN: Final = WORKER.counter("written_records", "Records that transactions have written.", "topic")
WRITTEN_BYTES: Final = WORKER.counter("written_bytes", "Bytes of them, before compression.", "topic")
CHUNK_SECONDS: Final = WORKER.histogram(
    "chunk_seconds",
    "What a chunk takes: to fetch it, in the core, to commit its transaction, to apply it to the state. The largest"
    " says where to look: Kafka for fetch and commit, processors for core, the disk for apply.",
    "stage",
)
COMMITS: Final = WORKER.counter("commits", "Transactions that were committed.", "partition")
LAG: Final = LagFigures(WORKER, "lag", "this worker has", ("partition",))
OPEN: Final = WORKER.gauge("partitions_open", "Partitions that this worker works on.")
REBALANCES: Final = WORKER.counter("rebalances", "How often the group has dealt partitions out anew.")
RESTORED: Final = WORKER.counter("restored_records", "Changelog records that were read to restore state.", "partition")
RESTORE_SECONDS: Final = WORKER.histogram(
    "restore_seconds", "How long taking a partition over took, its state among it.", buckets=(0.1, 0.5, 1, 5, 15, 60)
)
LOOP: Final = LoopWatch(WORKER)
SPANS: Final = WORKER.counter(*_SPANS)

_VERDICTS: Final = WORKER.counter("verdicts", "What became of webhooks.", "verdict")
_DEAD: Final = WORKER.counter(
    "dead_letters", "Webhooks that could not be processed, by where they failed. See `dead-letters list`.", "reason"
)
for _reason in ("decode", "process", "size", "reference"):
    # What begins at 0 is seen to rise; what begins with the first letter is not.
    _DEAD.labels(_reason)
_held: list[MemoryBudget] = []
_places: list[Path] = []

WORKER.read(
    "memory_held_bytes", "Bytes of fetched webhooks in memory.", lambda: sum(budget.held for budget in _held[-1:])
)
WORKER.read(
    "memory_limit_bytes", "From so many on nothing is fetched.", lambda: sum(budget.limit for budget in _held[-1:])
)
WORKER.read("state_bytes", "Size of the state's files.", lambda: _size(_places[-1]) if _places else 0.0)
WORKER.disk("disk", "the state", lambda: _places[-1] if _places else None)


def watch_memory(budget: MemoryBudget) -> None:
    """Tell what the budget holds from now on."""
    _held[:] = [budget]


def watch_state(directory: Path) -> None:
    """Tell how large the files of this directory are from now on."""
    _places[:] = [directory]


def note_judged(processed: Processed) -> None:
    """Count what became of the webhooks of a transaction that is committed."""
    if processed.effects is not None:
        for verdict, count in processed.effects.verdicts.items():
            _VERDICTS.labels(verdict).inc(count)
    _note_dead(processed.dead)


def _note_dead(letters: Iterable[DeadLetter]) -> None:
    for letter in letters:
        _DEAD.labels(letter.stage).inc()
        _VERDICTS.labels("dead").inc()


def _size(directory: Path) -> float:
    total = 0
    # Files and whole directories come and go while the state is compacted: the walk passes over what is gone.
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118 - thousands of files
    return float(total)
