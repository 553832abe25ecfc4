"""The long form of the chaos tests: `uv run python -m tests.chaos [--kills 20] [--seed 1] [--only TEXT]`.

Starts a Kafka of its own, runs every trial and prints what the checker found; exits with 1 if anything was lost or
doubled.
"""

from __future__ import annotations

import contextlib
import random
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deploy.local.kafka import KafkaNode
from schemas.settings import Settings
from tests.chaos.trials import long_trials, run_trial
from tests.support.processes import Processes


def main(
    kills: Annotated[int, typer.Option(help="Workers to kill in the first trial.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of loads and faults.")] = 1,
    only: Annotated[str, typer.Option(help="Run the trials whose name contains this.")] = "",
    keep: Annotated[Path | None, typer.Option(help="Keep the processes' logs in this directory.")] = None,
) -> None:
    """Run the trials."""
    console, failed = Console(), 0
    with contextlib.ExitStack() as stack:
        name = keep or stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-"))
        node = stack.enter_context(KafkaNode(Path(name) / "kafka"))
        for index, trial in enumerate(one for one in long_trials(node, kills) if only in one.name):
            directory = Path(name) / f"trial-{index}"
            directory.mkdir()
            processes = Processes(directory)
            settings = Settings(
                _env_file=None, kafka=node.bootstrap, topic_prefix=f"chaos{uuid.uuid4().hex[:8]}.", partitions=4
            )
            began = time.monotonic()
            try:
                report, arena = run_trial(trial, settings, processes, directory, random.Random(seed + index))  # noqa: S311 - repeatable
            finally:
                processes.end_all()
            failed += not report.is_exact
            exits = ", ".join(f"{count} x {code}" for code, count in sorted(arena.exits.items())) or "none"
            stood = "".join(f"; stood for {seconds:.1f} s after it" for seconds in arena.standstills)
            console.print(
                f"{trial.name}: {trial.times} faults in {time.monotonic() - began:.0f} s, seed {seed + index}: "
                f"{report}; exits: {exits}{stood}",
                highlight=False,
                soft_wrap=True,
            )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    typer.run(main)
