"""What every peer of the benchmark is told, and what it answers."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from schemas.reference.lookup import Reference
from schemas.settings import Settings
from streams.core.chunk import ChunkProcessor
from streams.core.policy import Policy

__all__ = ["POLICY", "REFERENCE", "Stopwatch", "Task", "make_processor"]

REFERENCE: Final = Reference()
POLICY: Final = Policy()


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one peer.

    Attributes:
        kafka: Bootstrap servers.
        topic_prefix: Whose raw topic is read; everything else is the run's own.
        generation: Unique among the runs on a prefix.
        count: Records in the raw topic.
        store: rocksdb or memory.
        guarantee: For peers that offer several.
        packed: Whether our worker with the counting core writes lines, many to a record.
        warm: Records before the measurement begins.
    """

    kafka: str
    topic_prefix: str
    generation: int
    partitions: int
    count: int
    data_dir: str
    store: str = "rocksdb"
    guarantee: str = "at-least-once"
    packed: bool = False
    warm: int = 0

    @classmethod
    def from_argv(cls) -> Task:
        """The task on the command line."""
        return msgspec.json.decode(sys.argv[1], type=cls)

    def settings(self) -> Settings:
        """The worker's settings for this run."""
        return Settings(
            _env_file=None,
            kafka=self.kafka,
            topic_prefix=self.topic_prefix,
            generation=self.generation,
            partitions=self.partitions,
            store=self.store,
        )


class Stopwatch:
    """From the first record that reaches the core, or the first after `warm` of them, until everything is committed."""

    def __init__(self, warm: int = 0) -> None:
        self.began = 0.0
        self._cpu = 0.0
        self._warm = warm
        self._before = 0
        self.changelog = 0

    def start(self, records: int = 1) -> None:
        """So many more records are here; once the watch runs, calls do nothing."""
        if self.began:
            return
        if self._before >= self._warm:
            self.began, self._cpu = time.perf_counter(), _cpu_seconds()
        else:
            self._before += records

    def passed(self, records: int) -> None:
        """So many records have been committed; starts the watch if they were to warm up, and enough."""
        if self._warm and not self.began and records >= self._warm:
            self._before = records
            self.start()

    def report(self, count: int) -> None:
        """Print what the orchestrator reads: records measured, seconds, CPU seconds, changelog and memory in bytes."""
        found = {
            "records": count - self._before,
            "seconds": time.perf_counter() - self.began,
            "cpu": _cpu_seconds() - self._cpu,
            "changelog": self.changelog,
            "rss": _peak_memory(),
        }
        print(json.dumps(found), flush=True)


def _peak_memory() -> int:
    """Of this process: `getrusage` tells the parent's as well, from before the start."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1]) << 10


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def make_processor(load: object) -> ChunkProcessor:
    """The real core on a state."""
    return ChunkProcessor(load, REFERENCE, POLICY)  # type: ignore[arg-type]
