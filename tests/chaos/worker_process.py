"""A worker process for tests: `python -m tests.chaos.worker_process JSON`, see `WorkerSpec`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from schemas.reference.lookup import Reference
from schemas.settings import Settings
from streams.chunk import ChunkLimits
from streams.core.chunk import ChunkProcessor
from streams.core.dead import dead_outcome
from streams.core.policy import Policy
from streams.limits import Limits
from streams.processing import Core
from streams.service import ReadyFile, Service
from streams.serving import serve
from streams.tuning import Tuning
from tests.chaos.fake_core import CORE
from tests.chaos.sabotage import SABOTAGES, fail_task

if TYPE_CHECKING:
    from streams.processing import Load

__all__ = ["WorkerSpec", "main"]


class WorkerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker process of a test is told."""

    kafka: str
    topic_prefix: str
    data_dir: str
    ready_file: str
    partitions: int = 4
    store: str = "rocksdb"
    real: bool = False
    session_timeout_s: float = 6.0
    stall_s: float = 45.0
    chunk_records: int = 500
    chunk_bytes: int = 8 << 20
    memory_bytes: int = 64 << 20
    max_body_bytes: int = 5 << 20
    dead_letter_run: int = 100
    sabotage: str = ""
    fails: str = ""

    def command(self) -> list[str]:
        """The command line that starts it."""
        return [sys.executable, "-m", "tests.chaos.worker_process", msgspec.json.encode(self).decode()]

    def settings(self) -> Settings:
        """The settings of the worker, whatever the environment says."""
        return Settings(
            _env_file=None,
            kafka=self.kafka,
            topic_prefix=self.topic_prefix,
            partitions=self.partitions,
            store=self.store,
            max_body_bytes=self.max_body_bytes,
        )


def main(text: str) -> int:
    """Run the worker until it is told to stop."""
    spec = msgspec.json.decode(text, type=WorkerSpec)
    settings, view = spec.settings(), Reference()
    policy = Policy.of(settings)

    def processor(load: Load) -> ChunkProcessor:
        return ChunkProcessor(load, view, policy)

    tuning = Tuning(
        chunk=ChunkLimits(spec.chunk_records, spec.chunk_bytes),
        memory_bytes=spec.memory_bytes,
        session_timeout_s=spec.session_timeout_s,
        stall_s=spec.stall_s,
        limits=Limits(run=spec.dead_letter_run),
    )

    def make() -> Service:
        service = Service(
            settings,
            Core(processor, dead_outcome) if spec.real else CORE,
            view,
            data_dir=Path(spec.data_dir),
            ready_file=ReadyFile(Path(spec.ready_file)),
            tuning=tuning,
        )
        if spec.sabotage:
            SABOTAGES[spec.sabotage](service)
        if spec.fails:
            fail_task(service, spec.fails)
        return service

    return serve(make)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
