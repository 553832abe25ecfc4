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
    """

    kafka: str
    topic_prefix: str
    generation: int
    partitions: int
    count: int
    data_dir: str
    store: str = "rocksdb"
    guarantee: str = "at-least-once"

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
    """From the first record that reaches the core until everything is committed."""

    def __init__(self) -> None:
        self.began = 0.0
        self._cpu = 0.0
        self.changelog = 0

    def start(self) -> None:
        """The first record is here; later calls do nothing."""
        if not self.began:
            self.began, self._cpu = time.perf_counter(), _cpu_seconds()

    def report(self, count: int) -> None:
        """Print what the orchestrator reads: records, seconds, CPU seconds, changelog and memory in bytes."""
        found = {
            "records": count,
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
