"""One worker and its topics, for the system tests of the worker."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.wire.topics import Topics
from tests.chaos.checker import check
from tests.chaos.folds import FakeFold
from tests.chaos.kafka import create_topics, is_caught_up, lines, produce, read_all
from tests.chaos.worker_process import WorkerSpec
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from schemas.settings import Settings
    from tests.chaos.checker import Fold, Report
    from tests.chaos.kafka import Headers
    from tests.support.processes import Child, Processes

__all__ = ["Bench"]


@dataclass(slots=True)
class Bench:
    """A worker with the fake core by default, on topics of its own; a second start continues the first."""

    settings: Settings
    processes: Processes
    directory: Path
    topics: Topics = field(init=False)

    def __post_init__(self) -> None:
        self.topics = Topics.of(self.settings)
        asyncio.run(create_topics(self.settings))

    def start(self, name: str = "worker", **overrides: Any) -> Child:
        """Start a worker; its directory belongs to the name."""
        spec = WorkerSpec(
            kafka=self.settings.kafka,
            topic_prefix=self.settings.topic_prefix,
            partitions=self.settings.partitions,
            max_body_bytes=self.settings.max_body_bytes,
            data_dir=str(self.directory / name),
            ready_file=str(self.ready_file(name)),
        )
        return self.processes.start(msgspec.structs.replace(spec, **overrides).command())

    def ready_file(self, name: str = "worker") -> Path:
        """Exists while the worker is ready."""
        return self.directory / f"{name}.ready"

    def send(
        self, values: Iterable[bytes | None], *, partition: int = 0, key: bytes = b"u", headers: Headers | None = None
    ) -> None:
        """Append records of one student to the raw topic."""
        records = [(partition, key, value, headers or []) for value in values]
        asyncio.run(produce(self.settings.kafka, self.topics.raw, records))

    def wait_until_done(self, timeout: float = 60) -> None:
        """Wait until everything in the raw topic is committed."""
        eventually(lambda: asyncio.run(is_caught_up(self.settings)), timeout, "the worker to catch up")

    def wait_until_facts(self, count: int, timeout: float = 60) -> None:
        """Wait until partition 0 has so many facts, for a raw topic that ends in a transaction marker."""
        topic = self.topics.facts
        eventually(lambda: len(lines(self.read(topic))) >= count, timeout, f"{count} facts")

    def check(self, fold: Fold | None = None) -> Report:
        """Compare the derived topics with a fold."""
        return asyncio.run(check(self.settings, fold or FakeFold()))

    def read(self, topic: str, partition: int = 0, partitions: int | None = None) -> list[Any]:
        """Every committed record of one partition."""
        return asyncio.run(read_all(self.settings.kafka, topic, partitions or self.settings.partitions))[partition]
