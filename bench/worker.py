"""The worker against its peers: `uv run --group bench python -m bench.worker [--events 60000] [--rounds 3]`.

Every peer runs the same core over the same raw topic, in one process, one after another, alternating over the rounds;
each has state and output topics of its own. Prints Markdown tables of records/s (median of the rounds) and ratios.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import aiokafka
import msgspec
import typer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.page import run
from bench.peers.task import Task
from bench.peers.webhooks import batches, events
from deploy.local.kafka import KafkaNode
from schemas.settings import Settings
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.peers.webhooks import Raw

__all__ = ["PEERS", "Peer", "create", "fill", "run_peer"]

_PARTITIONS = 4
_TIMEOUT_S = 180
# Stock Faust may be too slow on documents for the time, or stand still.
_TRIES = 2
_OURS = "ours, RocksDB"


@dataclass(frozen=True, slots=True)
class Peer:
    """A program to compare, as module of bench.peers, with what to tell it."""

    name: str
    module: str
    options: dict[str, Any] = field(default_factory=dict)


PEERS = (
    Peer(_OURS, "ours"),
    Peer("ours, memory", "ours", {"store": "memory"}),
    Peer("stock Faust, RocksDB, at least once", "stock_faust"),
    Peer("Quix Streams, at least once", "quix"),
    Peer("Quix Streams, exactly once", "quix", {"guarantee": "exactly-once"}),
    Peer("Bytewax, at least once", "bytewax_flow"),
    Peer("bare aiokafka loop, no durability", "bare"),
)


async def fill(settings: Settings, records: Iterable[Raw]) -> int:
    """Append the records to the raw topic; returns how many."""
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=settings.kafka, linger_ms=20, max_batch_size=1 << 20, max_request_size=16 << 20
    )
    await producer.start()
    count, last = 0, None
    for count, (key, value, headers, at) in enumerate(records, 1):  # noqa: B007 - the count is the answer
        last = await producer.send(Topics.of(settings).raw, value, key=key, headers=headers, timestamp_ms=at)
    if last is not None:
        await producer.flush()
    await producer.stop()
    return count


async def create(settings: Settings, *, raw: bool) -> None:
    """Create the topics that are not there yet, the raw one only if asked."""
    topics = Topics.of(settings)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    exists = set(await admin.list_topics())
    wanted = [one for one in topics.specs(settings) if one.name not in exists and (raw or one.name != topics.raw)]
    # Every output is counted afterwards, also those that a later one of the same key replaces.
    kept = {"cleanup.policy": "delete", "retention.ms": "-1"}
    configs = {one.name: one.config | (kept if one.name == topics.telemetry else {}) for one in wanted}
    await admin.create_topics(
        [NewTopic(one.name, one.partitions, 1, topic_configs=configs[one.name]) for one in wanted]
    )
    await admin.close()


def run_peer(peer: Peer, settings: Settings, count: int, generation: int, directory: Path) -> dict[str, float] | None:
    """Run a peer once; returns what it measured, None if it stood still."""
    task = Task(
        kafka=settings.kafka,
        topic_prefix=settings.topic_prefix,
        generation=generation,
        partitions=settings.partitions,
        count=count,
        data_dir=str(directory / f"run-{generation}"),
        **peer.options,
    )
    asyncio.run(create(task.settings(), raw=False))
    command = [sys.executable, "-m", f"bench.peers.{peer.module}", msgspec.json.encode(task).decode()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        print(f"{peer.name} was not ready after {_TIMEOUT_S} s", file=sys.stderr, flush=True)
        return None
    answers = [line for line in done.stdout.splitlines() if line.startswith('{"records"')]
    if not answers:
        print(done.stdout[-2_000:], done.stderr[-4_000:], file=sys.stderr)
        message = f"{peer.name} ended with {done.returncode} without an answer"
        raise SystemExit(message)
    answer: dict[str, float] = json.loads(answers[-1])
    return answer


def _table(title: str, found: dict[str, list[dict[str, float]]]) -> str:
    rates = {name: statistics.median(one["records"] / one["seconds"] for one in runs) for name, runs in found.items()}
    costs = {name: statistics.median(one["cpu"] / one["records"] * 1e6 for one in runs) for name, runs in found.items()}
    ours = rates.get(_OURS)
    rows = [
        f"| {name} | {rate:,.0f} | {'' if ours is None else f'{ours / rate:.2f}'} | {costs[name]:,.0f} | "
        f"{max(one['rss'] for one in found[name]) / 2**20:,.0f} |"
        for name, rate in rates.items()
    ]
    head = [
        f"### {title}",
        "",
        "| | records/s | ours, RocksDB ÷ it | CPU µs a record | memory, MiB |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    return "\n".join([*head, *rows, ""])


def main(  # noqa: PLR0917 - options of a command
    event_count: Annotated[int, typer.Option("--events", help="Streamed events.")] = 60_000,
    batch_count: Annotated[int, typer.Option("--batches", help="Batch documents.")] = 3_000,
    students: Annotated[int, typer.Option(help="Students who send them.")] = 1_000,
    rounds: Annotated[int, typer.Option(help="Runs of each peer.")] = 3,
    only: Annotated[str, typer.Option(help="Run the peers whose name contains this.")] = "",
    skip: Annotated[str, typer.Option(help="Leave out the peers whose name contains this.")] = "-",
) -> None:
    """Run the benchmark."""
    workloads = {
        f"{event_count:,} streamed events of {students:,} students": events(event_count, students),
        f"{batch_count:,} batch documents of {min(students, 200):,} students": batches(batch_count, min(students, 200)),
    }
    with tempfile.TemporaryDirectory(prefix="bench-") as name, KafkaNode(Path(name) / "kafka", heap_mb=1_024) as node:
        for title, records in workloads.items():
            settings = Settings(
                _env_file=None, kafka=node.bootstrap, topic_prefix=f"b{uuid.uuid4().hex[:6]}.", partitions=_PARTITIONS
            )
            asyncio.run(create(settings, raw=True))
            count = asyncio.run(fill(settings, records))
            if not count:
                continue
            found: dict[str, list[dict[str, float]]] = defaultdict(list)
            generation = 1
            for _ in range(rounds):
                for peer in PEERS:
                    if only in peer.name and skip not in peer.name:
                        for _ in range(_TRIES):
                            generation += 1
                            answer = run_peer(peer, settings, count, generation, Path(name))
                            if answer is not None:
                                break
                        else:
                            continue
                        found[peer.name].append(answer)
                        print(peer.name, answer, file=sys.stderr, flush=True)
            print(_table(title, found), flush=True)


if __name__ == "__main__":
    run(main, "worker")
