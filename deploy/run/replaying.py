"""The processes of a replay: workers and a sink of a generation that is computed beside the live one.

`python -m deploy.run.replaying worker|sink DATA READY_FILE` is one of them; its environment names the generation.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from deploy.run.lines import AllLines
from deploy.run.logs import configure_logging
from deploy.run.metrics_server import served
from deploy.run.ready_files import awaiting
from deploy.run.scraping import BIND, announced, choose_binds, targets_file
from deploy.run.supervisor import Part, Supervisor
from operations.generations.cleaning import replay_directory
from operations.generations.mandates import replay_mandate
from operations.pseudonyms import keyed_settings
from schemas.exits import ExitCode
from schemas.settings import PREFIX, load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from schemas.settings import Settings

__all__ = ["replay_parts", "run_beside"]

# The live parts come first wherever both want the same core.
_NICENESS: Final = 10
# A replay never waits for a student: what a chunk costs beside its records is shared by many.
_CHUNK_RECORDS: Final = 20_000
_CHUNK_BYTES: Final = 16 << 20
_READY_SECONDS: Final = 90.0


async def run_beside(
    settings: Settings,
    generation: int,
    workers: int,
    work: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
) -> bool:
    """Run the processes of a generation's replay while `work` is done, which is given what stops them.

    Whether the work came to its end. Raises SupervisorError and what `work` raises.
    """
    finished = False
    parts = replay_parts(settings, generation, workers)
    binds = {f"replay-{part.name}": part.env[BIND] for part in parts}
    with (
        announced(targets_file(settings.data, f"replay-{generation}"), binds),
        (replay_directory(settings, generation) / "log").open("a", encoding="utf-8") as file,
    ):
        supervisor = Supervisor(parts, AllLines(Console(file=file, width=200, soft_wrap=True)))

        async def worked() -> None:
            nonlocal finished
            await work(supervisor.stop_parts)
            finished = True
            supervisor.stop()

        await supervisor.run(worked)
    return finished


def replay_parts(settings: Settings, generation: int, workers: int) -> list[Part]:
    """The processes in the order in which they start."""
    directory = replay_directory(settings, generation)
    directory.mkdir(parents=True, exist_ok=True)
    names = [f"worker-{number}" for number in range(1, workers + 1)]
    # One sink: a block in flight at a time is what ClickHouse likes.
    names.append("sink")
    binds = choose_binds(names)
    return [_part(directory, name, generation, binds[name], together=name != names[0]) for name in names]


def _part(directory: Path, name: str, generation: int, bind: str, *, together: bool) -> Part:
    ready = directory / f"{name}.ready"
    command = [
        sys.executable,
        "-m",
        "deploy.run.replaying",
        name.partition("-")[0],
        str(directory / name),
        str(ready),
    ]
    env = {**os.environ, "PYTHONUNBUFFERED": "1", f"{PREFIX}GENERATION": str(generation), BIND: bind}
    # A replay whose processes cannot start would wait for ever.
    return Part(
        name,
        command,
        env,
        awaiting(ready),
        start_seconds=_READY_SECONDS,
        critical=True,
        together=together,
        ready_file=ready,
    )


def main(kind: str, data: Path, ready: Path) -> int:
    """Run one of the processes; the exit code."""
    os.nice(_NICENESS)
    settings = load_settings()
    configure_logging(settings)
    mandate = asyncio.run(replay_mandate(settings))
    if mandate is None:
        return int(ExitCode.SUPERSEDED)
    if kind == "sink":
        import sinks.main  # noqa: PLC0415 - each part loads only its own libraries
        from sinks.metrics import SINK  # noqa: PLC0415 - as above

        with served(settings, SINK):
            return sinks.main.main(mandate.settings, ready_file=ready, superseded=mandate.ended, raw=False)
    import streams.worker  # noqa: PLC0415 - as above
    from streams.metrics import WORKER  # noqa: PLC0415 - as above

    with_large_chunks = asyncio.run(keyed_settings(mandate.settings)).model_copy(
        update={
            "chunk_records": max(_CHUNK_RECORDS, settings.chunk_records),
            "chunk_bytes": max(_CHUNK_BYTES, settings.chunk_bytes),
        }
    )
    with served(settings, WORKER):
        return streams.worker.main(with_large_chunks, data_dir=data, ready_file=ready, mandate=mandate)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
