"""Our worker: all of it, one transaction a chunk."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from bench.peers.task import POLICY, REFERENCE, Stopwatch, Task
from schemas.reference.lookup import Reference
from streams.chunk import ChunkLimits
from streams.core.chunk import ChunkProcessor
from streams.core.dead import dead_outcome
from streams.processing import Core, Load
from streams.service import ReadyFile, Service
from streams.serving import look_for_cycles_less_often
from streams.tuning import Tuning

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.core.effects import Effects
    from streams.processing import Processor

__all__ = ["work"]


async def work(task: Task, watch: Stopwatch, make: Callable[[Load], Processor]) -> None:
    """Run the worker with a core until every record is committed, report, and end the process."""

    def processor(load: Load) -> Processor:
        watch.start(0)
        return make(load)

    settings = task.settings()
    tuning = Tuning(chunk=ChunkLimits(settings.chunk_records, settings.chunk_bytes))
    core, data = Core(processor, dead_outcome), Path(task.data_dir)
    service = Service(settings, core, Reference(), data_dir=data, ready_file=ReadyFile(None), tuning=tuning)
    look_for_cycles_less_often()
    await service.start()
    partitions = service.app.owner.partitions
    while (done := sum(owned.admission.position for owned in partitions.values())) < task.count:
        watch.passed(done)
        await asyncio.sleep(0.02)
        partitions = service.app.owner.partitions
    watch.report(task.count)
    os._exit(0)


async def main(task: Task) -> None:
    """Work with the real core, and count the bytes of its changelog."""
    watch = Stopwatch()

    class Measured(ChunkProcessor):
        """The core, with the bytes of its changelog counted."""

        def finish(self) -> Effects:
            effects = super().finish()
            watch.changelog += sum(len(key) + len(value or b"") for key, value in effects.changes)
            return effects

    await work(task, watch, lambda load: Measured(load, REFERENCE, POLICY))


if __name__ == "__main__":
    uvloop.run(main(Task.from_argv()))
