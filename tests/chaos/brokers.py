"""The trials of brokers: `uv run python -m tests.chaos.brokers [--faults 20] [--rate 200] [--seed 1] [--only TEXT]`.

Starts three brokers and a ClickHouse of its own, two gateways, two workers and a sink, and lets so many faults happen
under load, each kind as often as the others or once more, in a random order. Prints a row for each and what became of
all webhooks; exits with 1 if any was lost or doubled.
"""

from __future__ import annotations

import contextlib
import logging
import random
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.kafka import BROKERS, KafkaCluster
from tests.chaos.broker_faults import FAULTS
from tests.chaos.broker_trial import trial
from tests.support.java_cache import java_options


def main(
    count: Annotated[int, typer.Option("--faults", help="How many faults happen.")] = 20,
    rate: Annotated[float, typer.Option(help="Webhooks a second.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of load, faults and their order.")] = 1,
    only: Annotated[str, typer.Option(help="Let the faults happen whose name contains this.")] = "",
    keep: Annotated[Path | None, typer.Option(help="Keep all logs in this directory, which is empty.")] = None,
) -> None:
    """Run the trials."""
    # Of clients whose broker is away they say so many times a second.
    logging.disable()
    console, order = Console(highlight=False, soft_wrap=True), random.Random(seed)  # noqa: S311 - repeatable
    kinds = [fault for fault in FAULTS if only in fault.name]
    rounds, some = divmod(count, len(kinds))
    faults = [*(kinds * rounds), *order.sample(kinds, some)]
    order.shuffle(faults)
    with contextlib.ExitStack() as stack:
        directory = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="brokers-")))
        directories = [directory / f"kafka-{number}" for number in range(1, BROKERS + 1)]
        cluster = KafkaCluster(directories, java_options=java_options())
        # Before it starts: what is frozen does not end by a polite word.
        stack.callback(cluster.kill)
        cluster.start()
        server = ClickHouseServer(directory / "clickhouse", user="telemetry", password="chaos")
        stack.enter_context(server)
        running = stack.enter_context(trial(cluster, server.url, directory, rate, seed))
        for number, fault in enumerate(faults, 1):
            answers, facts = running.happen(fault)
            console.print(f"{number}. {fault.name}: answers stood for {answers:.1f} s, facts for {facts:.1f} s")
        rows, told = running.finish()
        console.print("| fault | no answer for | no new fact for | webhooks | lost | doubled |")
        console.print("| --- | --- | --- | --- | --- | --- |")
        for row in rows:
            cells = (row.fault, f"{row.until_answered:.1f} s", f"{row.until_facts:.1f} s", f"{row.webhooks:,}")
            console.print(f"| {' | '.join(cells)} | {row.lost} | {row.doubled} |")
        console.print(f"{BROKERS} brokers, seed {seed}: {told}")
    sys.exit(1 if any(row.lost or row.doubled for row in rows) else 0)


if __name__ == "__main__":
    typer.run(main)
