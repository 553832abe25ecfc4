"""What a worker runs: the product's core, with bounds from the settings; streams.serving is the process around it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from schemas.reference.lookup import Reference
from streams.chunk import ChunkLimits
from streams.core.chunk import ChunkProcessor
from streams.core.dead import dead_outcome
from streams.core.policy import Past, Policy
from streams.processing import Core, Load
from streams.serving import run
from streams.tuning import Tuning

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.settings import Settings
    from streams.mandate import Mandate

__all__ = ["main"]

_CHUNKS_IN_MEMORY: Final = 8


def main(settings: Settings, *, data_dir: Path, ready_file: Path | None = None, mandate: Mandate | None = None) -> int:
    """Run one worker until SIGTERM or SIGINT; returns the exit code (schemas.exits.ExitCode).

    Args:
        settings: As read from the environment.
        data_dir: Where the state table's files are; each worker process needs its own.
        ready_file: Exists while every partition of this worker is open and the views are complete.
        mandate: What entitles it to its generation; without one it works on that of the settings as the live one.
    """
    reference, policy = Reference(), Policy.of(settings)

    live = None if mandate is None else mandate.live_progress
    past = None if live is None else Past(live.ignored)

    def processor(load: Load) -> ChunkProcessor:
        return ChunkProcessor(load, reference, policy, past)

    chunk = ChunkLimits(settings.chunk_records, settings.chunk_bytes)
    # Several chunks are alive at a time, and a single record may be as large as a body.
    memory = _CHUNKS_IN_MEMORY * max(settings.chunk_bytes, settings.max_body_bytes)
    tuning = Tuning(chunk=chunk, memory_bytes=memory)
    if live is not None:
        # Chunks of a replay fill up: it reads what is there already.
        tuning = replace(tuning, poll_records=settings.partitions * settings.chunk_records)
    return run(
        settings,
        Core(processor, dead_outcome),
        reference,
        data_dir=data_dir,
        ready_file=ready_file,
        tuning=tuning,
        mandate=mandate,
    )
