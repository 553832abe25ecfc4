"""A replay against the live worker: `uv run python -m bench.replay [--sessions 200000] [--events 150000]`.

Fills a raw topic, lets one live worker (and the sink) process it from its first record, then replays it as
`learnpack-telemetry replay --dry-run` does, and prints webhooks/s of both: the workers' own, and until ClickHouse has
everything. The comparison of the two generations must say that every row is the same. A second table says how much of
the processors each part had while the workers worked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from bench.page import run
from bench.peers.webhooks import batches, events, sessions
from bench.up import PARTS, processor_seconds
from bench.worker import fill
from deploy.local.clickhouse import ClickHouseServer
from deploy.local.kafka import KafkaNode
from operations.generations.offsets import Offsets
from operations.table_setup import setup_tables
from operations.topics import setup_topics
from schemas.settings import PREFIX, Settings
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.peers.webhooks import Raw

__all__ = ["Run", "live", "part"]

_PARTITIONS = 4
_WORKING = 1_000
_LOOK_S = 0.1


def _environment(settings: Settings) -> dict[str, str]:
    own = {
        "KAFKA": settings.kafka,
        "CLICKHOUSE": settings.clickhouse.get_secret_value(),
        "DATABASE": settings.database,
        "TOPIC_PREFIX": settings.topic_prefix,
        "PARTITIONS": str(settings.partitions),
        "DATA": str(settings.data),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**kept, **{f"{PREFIX}{name}": value for name, value in own.items()}}


@contextlib.contextmanager
def part(settings: Settings, name: str) -> Iterator[None]:
    """A part of the system that runs meanwhile, and is ready."""
    ready = settings.data / f"{name}.ready"
    command = [sys.executable, "-m", "deploy.cli", name, "--ready-file", str(ready)]
    with (settings.data / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, env=_environment(settings), stdout=log, stderr=log)
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise SystemExit((settings.data / f"{name}.log").read_text())
            time.sleep(_LOOK_S)
        yield
    finally:
        process.terminate()
        process.wait(30)


class Run(NamedTuple):
    """One run of a generation.

    Attributes:
        worked: Seconds from the first commit until the workers had processed everything.
        stored: Seconds until the sink had stored it.
        cores: The processors that each part had until `worked`.
    """

    worked: float
    stored: float
    cores: dict[str, float]


async def live(settings: Settings, count: int) -> Run:
    """How long a generation takes, from its first commit on."""
    topics = Topics.of(settings)
    began = worked = 0.0
    before: dict[str, float] = {}
    cores: dict[str, float] = {}
    async with Offsets(settings) as offsets:
        while True:
            done = sum((await offsets.worked(topics)).values())
            now = time.monotonic()
            if done and not began:
                began, before = now, processor_seconds(os.getpid())
            if done >= count and not worked:
                worked, after = now, processor_seconds(os.getpid())
                cores = {part: (after[part] - before[part]) / (now - began) for part in after}
            if worked and not await offsets.unstored(topics, await offsets.ends(topics)):
                return Run(worked - began, time.monotonic() - began, cores)
            await asyncio.sleep(_LOOK_S)


def _replay(settings: Settings, count: int, workers: int) -> Run:
    """The same for a replay's processes."""
    command = [sys.executable, "-m", "deploy.cli", "replay", "--dry-run", "--workers", str(workers)]
    process = subprocess.Popen(command, env=_environment(settings), stdout=subprocess.PIPE, text=True)
    number = 2
    found = asyncio.run(live(settings.model_copy(update={"generation": number}), count))
    told, _ = process.communicate(timeout=600)
    if process.returncode or "Every row is the same." not in told:
        raise SystemExit(told)
    return found


def _both(records: Iterator[Raw], workers: int) -> tuple[Run, Run]:
    """What `live` says of the live generation, and of its replay, on a stack of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        KafkaNode(Path(name) / "kafka", heap_mb=1_024) as node,
        ClickHouseServer(Path(name) / "clickhouse", user="bench", password=uuid.uuid4().hex) as server,
    ):
        settings = Settings(
            _env_file=None,
            kafka=node.bootstrap,
            clickhouse=server.url,
            partitions=_PARTITIONS,
            data=Path(name) / "data",
        )
        settings.data.mkdir()
        asyncio.run(setup_topics(settings))
        setup_tables(settings)
        count = asyncio.run(fill(settings, records))
        with part(settings, "sink"):
            with part(settings, "worker"):
                first = asyncio.run(live(settings, count))
            print(json.dumps({"live": first}), file=sys.stderr, flush=True)
            again = _replay(settings, count, workers)
            print(json.dumps({"replay": again}), file=sys.stderr, flush=True)
    return first, again


def main(  # noqa: PLR0917 - options of a command
    session_count: Annotated[
        int, typer.Option("--sessions", help="Events and documents of 1,000 students at a time.")
    ] = 200_000,
    event_count: Annotated[
        int, typer.Option("--events", help="Streamed events of any student, in any order.")
    ] = 150_000,
    batch_count: Annotated[int, typer.Option("--batches", help="Batch documents of 200 students.")] = 0,
    students: Annotated[int, typer.Option(help="Students of the sessions; ten times as many send events.")] = 10_000,
    rounds: Annotated[int, typer.Option(help="How often all of it is done.")] = 1,
    workers: Annotated[int, typer.Option(help="Worker processes of the replay; 0 for one a core.")] = 0,
) -> None:
    """Run the benchmark, each kind of webhooks by itself."""
    kinds: list[tuple[str, int, Callable[[], Iterator[Raw]]]] = [
        ("webhooks of sessions", session_count, lambda: sessions(session_count, students, min(students, _WORKING))),
        ("streamed events in any order", event_count, lambda: events(event_count, 10 * students)),
        ("batch documents", batch_count, lambda: batches(batch_count, min(students, 200))),
    ]
    rows, shares = [], []
    for what, count, records in kinds:
        if count:
            runs = [_both(records(), workers) for _ in range(rounds)]
            worked, again = (count / statistics.median(pair[kind].worked for pair in runs) for kind in (0, 1))
            stored, again_stored = (count / statistics.median(pair[kind].stored for pair in runs) for kind in (0, 1))
            ratios = f"{again / worked:.2f} | {again_stored / stored:.2f}"
            rows.append(f"| {count:,} {what} | {worked:,.0f} | {again:,.0f} | {ratios} |")
            for kind, name in enumerate(("live", "replay")):
                cores = [statistics.median(pair[kind].cores[part] for pair in runs) for part in PARTS[1:]]
                shown = " | ".join(f"{share:.2f}" for share in (*cores, sum(cores)))
                shares.append(f"| {what}, {name} | {shown} |")
    print("| input | live, processed/s | replay, processed/s | ratio | stored, ratio |")
    print("| --- | ---: | ---: | ---: | ---: |")
    print("\n".join(rows))
    print("\nProcessors used until the workers were done\n")
    print(f"| | {' | '.join(['workers', 'sinks', *PARTS[3:5], 'all else', 'all'])} |")
    print("| --- |" + " ---: |" * len(PARTS))
    print("\n".join(shares))


if __name__ == "__main__":
    run(main, "replay")
