"""The sink against its limit: `uv run python -m bench.sink [--rows 600000] [--rounds 3] [--rates 100,1000]`.

Throughput: packed facts from real Kafka into ClickHouse by a sink process, against the same lines sent straight to the
same engine in the largest blocks, by as many threads as do best. Freshness: the whole system as `up` runs it; webhooks
are posted at a steady rate, and the time from the POST until a SELECT finds the fact is taken for each.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import aiokafka
import clickhouse_connect
import orjson
import typer

from bench.freshness import measure
from bench.page import run
from deploy.local.clickhouse import ClickHouseServer
from deploy.local.kafka import KafkaNode
from operations.table_setup import setup_tables
from operations.topics import setup_topics
from schemas.settings import Settings
from schemas.times import sql_time
from schemas.wire.topics import Topics
from sinks.clickhouse import insert_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

_ROWS_OF_A_CHUNK = 500
_BLOCK_BYTES = 16 << 20
_THREADS = (1, 2, 4)
_PARTITIONS = 8
_NOON = 1_795_262_400_000


def _fact(item: int) -> bytes:
    return orjson.dumps(
        {
            "event": ("compile", "test", "open_step", "ai_interaction")[item % 4],
            "occurred_at": sql_time(_NOON + item),
            "received_at": sql_time(_NOON + item),
            "academy_id": 1,
            "user_id": item % 1000,
            "actor": str(item % 1000),
            "telemetry_id": f"run-{item % 1000}",
            "asset_slug": f"tutorial-{item % 20}",
            "asset_id": item % 20,
            "package_id": None,
            "step_slug": f"{item % 30:02}-step",
            "step_position": item % 30,
            "exit_code": item % 3,
            "succeeded": item % 3 == 0,
            "duration_ms": item % 5000,
            "error_type": "",
            "code_bytes": item % 4000,
            "output_bytes": item % 900,
            "source": "batch",
            "properties": {"signal": None} if item % 10 else {},
            "webhook_id": item // 10,
            "ordinal": item % 10,
            "item_id": str(uuid.uuid5(uuid.NAMESPACE_OID, str(item)).int),
            "version": item // 10,
            "deleted": 0,
        }
    )


def _chunks(rows: int) -> list[bytes]:
    facts = map(_fact, range(rows))
    return [
        b"".join(fact + b"\n" for fact in itertools.islice(facts, _ROWS_OF_A_CHUNK))
        for _ in range(rows // _ROWS_OF_A_CHUNK)
    ]


def _blocks(chunks: list[bytes]) -> Iterator[bytes]:
    block: list[bytes] = []
    for chunk in chunks:
        block.append(chunk)
        if sum(map(len, block)) >= _BLOCK_BYTES:
            yield b"".join(block)
            block = []
    if block:
        yield b"".join(block)


def straight(client: Client, database: str, chunks: list[bytes], threads: int) -> float:
    """Rows a second of the same lines, inserted in large blocks without Kafka."""
    rows = len(chunks) * _ROWS_OF_A_CHUNK

    def insert(numbered: tuple[int, bytes]) -> None:
        number, block = numbered
        client.raw_insert(
            f"{database}_g1.events", None, block, settings=insert_settings(str(number)), fmt="JSONEachRow"
        )

    blocks = list(enumerate(_blocks(chunks)))
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(insert, blocks))
    return rows / (time.perf_counter() - started)


async def _fill(settings: Settings, chunks: list[bytes]) -> None:
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=settings.kafka, linger_ms=20, max_request_size=8 << 20, max_batch_size=1 << 20
    )
    await producer.start()
    try:
        topic = Topics.of(settings).facts
        sent = [await producer.send(topic, chunk, partition=n % _PARTITIONS) for n, chunk in enumerate(chunks)]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def through_sink(settings: Settings, client: Client, rows: int) -> float:
    """Rows a second of a sink process, from its first row in the table to the last."""
    secrets: dict[str, Any] = settings.model_dump(include={"kafka", "database", "topic_prefix", "partitions"})
    env = {f"TELEMETRY_{name}".upper(): str(value) for name, value in secrets.items()}
    env["TELEMETRY_CLICKHOUSE"] = settings.clickhouse.get_secret_value()
    process = subprocess.Popen([sys.executable, "-m", "deploy.cli", "sink"], env={**os.environ, **env})
    count = f"SELECT count() FROM {settings.database}_g1.events"  # noqa: S608 - our own name
    first_rows = 0
    first_at = 0.0
    try:
        while True:
            found = int(str(client.command(count)))
            now = time.perf_counter()
            if found and not first_rows:
                first_rows, first_at = found, now
            if found >= rows:
                return (rows - first_rows) / (now - first_at)
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def throughput(directory: Path, rows: int, rounds: int) -> None:
    """Print the table of rows a second."""
    chunks = _chunks(rows)
    figures: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        node = stack.enter_context(KafkaNode(directory / "kafka"))
        server = stack.enter_context(ClickHouseServer(directory / "clickhouse", user="bench", password="bench"))  # noqa: S106
        client = clickhouse_connect.get_client(dsn=server.url, autogenerate_session_id=False)
        stack.callback(client.close)
        for number in range(rounds):
            for threads in _THREADS:
                database = f"straight_{number}_{threads}"
                setup_tables(Settings(_env_file=None, clickhouse=server.url, database=database))
                rate = straight(client, database, chunks, threads)
                figures.setdefault(f"straight, {threads} threads", []).append(rate)
                client.command(f"DROP DATABASE {database}_g1 SYNC")
            settings = Settings(
                _env_file=None,
                kafka=node.bootstrap,
                clickhouse=server.url,
                database=f"sink_{number}",
                topic_prefix=f"r{number}.",
                partitions=_PARTITIONS,
            )
            setup_tables(settings)
            asyncio.run(setup_topics(settings))
            asyncio.run(_fill(settings, chunks))
            figures.setdefault("sink", []).append(through_sink(settings, client, len(chunks) * _ROWS_OF_A_CHUNK))
            client.command(f"DROP DATABASE {settings.database}_g1 SYNC")
    medians = {name: statistics.median(rates) for name, rates in figures.items()}
    limit = max(rate for name, rate in medians.items() if name != "sink")
    megabytes = sum(map(len, chunks)) / 1e6
    print(f"\n{rows:,} facts, {megabytes:.0f} MB, median of {rounds}\n")
    print("| way | rows/s | of the limit |\n| --- | --- | --- |")
    for name, rate in medians.items():
        print(f"| {name} | {rate:,.0f} | {rate / limit:.2f} |")


def main(
    rows: Annotated[int, typer.Option(help="Facts of a round; 0 leaves throughput out.")] = 600_000,
    rounds: Annotated[int, typer.Option(help="Rounds; the median counts.")] = 3,
    rates: Annotated[str, typer.Option(help="Webhooks a second for freshness; empty leaves it out.")] = "100,1000",
    seconds: Annotated[float, typer.Option(help="How long each rate is kept up.")] = 20,
) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory(prefix="bench-sink-") as name:
        if rows:
            throughput(Path(name), rows, rounds)
        if rates:
            print("\n| webhooks/s | asked | answered | p50 | p99 | slowest |\n| --- | --- | --- | --- | --- | --- |")
        for rate in (int(text) for text in rates.split(",") if text):
            figures = measure(Path(name) / f"up-{rate}", rate, seconds)
            print(figures.row(rate))


if __name__ == "__main__":
    run(main, "sink")
