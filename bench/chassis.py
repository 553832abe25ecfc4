"""The worker without what a webhook means, against its peers: `uv run --group bench python -m bench.chassis`.

Every peer counts the records of each key and keeps the last one, with one record out for each one in, over the same raw
topic in one process, one after another, alternating over the rounds. The best there is, Kafka Streams, is among them:
Java with RocksDB, exactly once. Prints a Markdown table of records/s and processor time (medians) with ratios.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import aiokafka
import typer
from aiokafka import TopicPartition

from bench.page import run
from bench.peers.webhooks import events
from bench.worker import Peer, create, fill, run_peer
from deploy.local.kafka import KafkaNode
from schemas.settings import Settings
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PEERS", "outputs", "table"]

_PARTITIONS: Final = 4
_OURS: Final = "our worker, exactly once"
_BEST: Final = "Kafka Streams, exactly once"
# After the last output came.
_VISIBLE_SECONDS: Final = 10.0
PEERS: Final = (
    Peer(_BEST, "kafka_streams", {"guarantee": "exactly-once"}),
    Peer(_OURS, "counting_ours"),
    Peer("our worker, its outputs packed as facts are", "counting_ours", {"packed": True}),
    Peer("Quix Streams, at least once", "counting_quix"),
    Peer("Quix Streams, exactly once", "counting_quix", {"guarantee": "exactly-once"}),
    Peer("Bytewax, at least once", "counting_bytewax"),
    Peer("aiokafka loop that sends, no state kept", "counting_bare"),
    Peer("aiokafka loop that writes nothing", "counting_bare", {"guarantee": "none"}),
)


def table(runs: dict[str, list[dict[str, float]]]) -> str:
    """The runs of each peer as a Markdown table; ratios are ours to the peer, of records/s and of records per CPU."""
    rates = {name: statistics.median(one["records"] / one["seconds"] for one in each) for name, each in runs.items()}
    costs = {name: statistics.median(one["cpu"] / one["records"] * 1e6 for one in each) for name, each in runs.items()}
    memory = {name: max(one["rss"] for one in each) / 2**20 for name, each in runs.items()}
    rows = ["| | records/s | CPU µs a record | memory, MiB | ours ÷ it, records/s | ours ÷ it, records by CPU |"]
    rows.append("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, rate in rates.items():
        ratios = f"{rates[_OURS] / rate:.2f} | {costs[name] / costs[_OURS]:.2f}" if _OURS in rates else " | "
        rows.append(f"| {name} | {rate:,.0f} | {costs[name]:,.1f} | {memory[name]:,.0f} | {ratios} |")
    return "\n".join(rows)


def outputs(values: Iterable[bytes], *, packed: bool) -> int:
    """How many outputs are in these values of records: one a line where they are packed, else one a value."""
    return sum(value.count(b"\n") + 1 if packed else 1 for value in values)


async def _written(settings: Settings, count: int, *, packed: bool) -> int:
    """How many outputs of a run are committed, in the topic that it writes them to; looks until there are `count`.

    An offset that is committed with a transaction is seen before the last outputs of it are.
    """
    topics = Topics.of(settings)
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, isolation_level="read_committed", enable_auto_commit=False
    )
    await consumer.start()
    try:
        topic = topics.facts if packed else topics.telemetry
        partitions = [TopicPartition(topic, number) for number in range(_PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        found = 0
        nothing_since = time.monotonic()
        while found < count and time.monotonic() < nothing_since + _VISIBLE_SECONDS:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += outputs((record.value for record in records), packed=packed)
                nothing_since = time.monotonic()
        return found
    finally:
        await consumer.stop()


def main(
    records: Annotated[int, typer.Option(help="Streamed events in the raw topic.")] = 200_000,
    warm: Annotated[int, typer.Option(help="Of them, those before the measurement begins: Java compiles.")] = 100_000,
    students: Annotated[int, typer.Option(help="Keys, in any order.")] = 10_000,
    rounds: Annotated[int, typer.Option(help="Runs of each peer.")] = 2,
    only: Annotated[str, typer.Option(help="Run the peers whose name contains this.")] = "",
) -> None:
    """Measure."""
    runs: dict[str, list[dict[str, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, KafkaNode(Path(name) / "kafka", heap_mb=1_024) as node:
        prefix = f"c{uuid.uuid4().hex[:6]}."
        settings = Settings(_env_file=None, kafka=node.bootstrap, topic_prefix=prefix, partitions=_PARTITIONS)
        asyncio.run(create(settings, raw=True))
        count = asyncio.run(fill(settings, events(records, students)))
        generation = 1
        for _ in range(rounds):
            for peer in PEERS:
                if only not in peer.name:
                    continue
                generation += 1
                told = replace(peer, options={**peer.options, "warm": warm})
                answer = run_peer(told, settings, count, generation, Path(name))
                if answer is None:
                    continue
                if peer.module != "counting_bare":
                    run_settings = settings.model_copy(update={"generation": generation})
                    packed = bool(peer.options.get("packed"))
                    written = asyncio.run(_written(run_settings, count, packed=packed))
                    if written < count:
                        sys.exit(f"{peer.name} wrote {written} records of {count}")
                runs[peer.name].append(answer)
                print(peer.name, answer, file=sys.stderr, flush=True)
    what = f"{count - warm:,} records after {warm:,} to warm up, {students:,} keys, {_PARTITIONS} partitions"
    print(f"{what}, median of {rounds}\n")
    print(table(runs))


if __name__ == "__main__":
    run(main, "chassis")
