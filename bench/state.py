"""What state costs: `uv run --group bench python -m bench.state [--webhooks 300000] [--students 100000]`.

Throughput, memory and changelog bytes of the same work (1,000 students at a time, who stream events and send documents)
with the documents of so many students in the state, against a tenth and a hundredth of them; then the time to restore
a table of `--entries` entries.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Annotated

import aiokafka
import typer
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.page import run
from bench.peers.webhooks import sessions
from bench.worker import Peer, create, fill, run_peer
from deploy.local.kafka import KafkaNode
from schemas.settings import Settings
from streams.restore import restore
from streams.stores import MemoryStore

_PARTITIONS = 4
_TRANSACTION = 10_000
_WORKING = 1_000


def main(
    count: Annotated[int, typer.Option("--webhooks", help="Webhooks that are measured.")] = 300_000,
    students: Annotated[int, typer.Option(help="Students in the state.")] = 100_000,
    entries: Annotated[int, typer.Option(help="Entries of the table to restore.")] = 1_000_000,
) -> None:
    """Run the measurements."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, KafkaNode(Path(name) / "kafka", heap_mb=1_024) as node:
        for population in (students // 100, students // 10, students):
            settings = Settings(
                _env_file=None, kafka=node.bootstrap, topic_prefix=f"s{uuid.uuid4().hex[:6]}.", partitions=_PARTITIONS
            )
            asyncio.run(create(settings, raw=True))
            working = min(_WORKING, population)
            asyncio.run(fill(settings, sessions(population, population, working)))
            if run_peer(Peer("ours", "ours"), settings, population, 2, Path(name)) is None:
                sys.exit("the worker stood still")
            asyncio.run(fill(settings, sessions(count, population, working, population)))
            answer = run_peer(Peer("ours", "ours"), settings, population + count, 2, Path(name))
            if answer is None:
                sys.exit("the worker stood still")
            print(
                f"{count:,} webhooks, {population:,} students in state: {count / answer['seconds']:,.0f} records/s, "
                f"{answer['cpu'] / count * 1e6:,.0f} CPU µs a record, {answer['rss'] / 2**20:,.0f} MiB, "
                f"{answer['changelog'] / count:,.0f} bytes of changelog a webhook before compression",
                flush=True,
            )
        seconds = asyncio.run(_restore(node.bootstrap, entries))
        print(f"{entries:,} table entries restored in {seconds:.1f} s", flush=True)


async def _restore(kafka: str, entries: int) -> float:
    tp = TopicPartition(f"changelog-{uuid.uuid4().hex[:6]}", 0)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(tp.topic, 1, 1, topic_configs={"cleanup.policy": "compact"})])
    await admin.close()
    await _write_changelog(kafka, tp, entries)
    reader = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=kafka, isolation_level="read_committed", max_partition_fetch_bytes=4 << 20
    )
    await reader.start()
    store = MemoryStore("memory://", None, None, table_name="state")
    began = time.perf_counter()
    applied = await restore(reader, store, tp, known=None, progressed=lambda: None)
    seconds = time.perf_counter() - began
    await reader.stop()
    if applied != entries:
        sys.exit(f"{applied} of {entries} entries were restored")
    return seconds


async def _write_changelog(kafka: str, tp: TopicPartition, entries: int) -> None:
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=kafka, transactional_id=tp.topic, compression_type="zstd", max_batch_size=1 << 20
    )
    await producer.start()
    for start in range(0, entries, _TRANSACTION):
        async with producer.transaction():
            for number in range(start, min(start + _TRANSACTION, entries)):
                await producer.send(tp.topic, b"%d" % number * 50, key=b"s%09d" % number, partition=0)
    await producer.stop()


if __name__ == "__main__":
    run(main, "state")
