"""What a webhook takes on disks: `uv run python -m bench.bytes`.

One live worker and a sink work through streamed events, then through batch documents, each on a Kafka and a ClickHouse
of their own. Bytes are what lies on disk at the end, per webhook, with compacted topics as they are before their first
compaction and tables merged; how busy the machine is plays no part. The texts in these webhooks are filler, which
compresses better than students' code: docs/capacity.md says what is taken in their place.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import clickhouse_connect
import typer

from bench.peers.webhooks import batches, events
from bench.replay import live, part
from bench.worker import fill
from deploy.local.clickhouse import ClickHouseServer
from deploy.local.kafka import KafkaNode
from operations.table_setup import setup_tables
from operations.topics import setup_topics
from schemas.settings import Settings
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.peers.webhooks import Raw

__all__ = ["measure"]

_PARTITIONS: Final = 4
# The last blocks' daily figures.
_SETTLED_SECONDS: Final = 4.0
_LEAST_BYTES: Final = 10


def measure(records: Iterator[Raw]) -> dict[str, float]:
    """Bytes that each of these webhooks took, by place: `topic …`, `table …`, and `bodies` as they came."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        KafkaNode(Path(name) / "kafka", heap_mb=512) as node,
        ClickHouseServer(Path(name) / "clickhouse", user="bench", password=uuid.uuid4().hex) as server,
    ):
        data = Path(name) / "data"
        data.mkdir()
        settings = Settings(
            _env_file=None, kafka=node.bootstrap, clickhouse=server.url, partitions=_PARTITIONS, data=data
        )
        asyncio.run(setup_topics(settings))
        setup_tables(settings)
        bodies = 0

        def counted() -> Iterator[Raw]:
            nonlocal bodies
            for record in records:
                bodies += len(record[1])
                yield record

        count = asyncio.run(fill(settings, counted()))
        with part(settings, "sink"):
            with part(settings, "worker"):
                asyncio.run(live(settings, count))
            time.sleep(_SETTLED_SECONDS)
        found = {"bodies": float(bodies)} | _of_topics(settings, Path(name) / "kafka") | _of_tables(server.url)
        return {name: value / count for name, value in found.items()}


def _of_topics(settings: Settings, directory: Path) -> dict[str, float]:
    """Bytes of each topic's segments, by its name without the prefix."""
    topics = Topics.of(settings)
    found: dict[str, float] = {}
    for segment in directory.rglob("*.log"):
        topic, _, number = segment.parent.name.rpartition("-")
        if number.isdecimal() and (topic.startswith(topics.prefix) or topic == topics.changelog):
            name = f"topic {'changelog' if topic == topics.changelog else topic.removeprefix(topics.prefix)}"
            found[name] = found.get(name, 0) + segment.stat().st_size
    return found


def _of_tables(url: str) -> dict[str, float]:
    """Bytes on disk of each table, merged as after a while."""
    client = clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False)
    tables = client.query(
        "SELECT database, name FROM system.tables WHERE startsWith(database, 'telemetry') AND engine LIKE '%MergeTree'"
    ).result_rows
    for database, name in tables:
        client.command(f"OPTIMIZE TABLE {database}.{name} FINAL")
    rows = client.query(
        "SELECT table, sum(bytes_on_disk) FROM system.parts"
        " WHERE active AND startsWith(database, 'telemetry') GROUP BY table"
    ).result_rows
    client.close()
    return {f"table {table}": float(size) for table, size in rows}


def main(
    event_count: Annotated[int, typer.Option("--events", help="Streamed events of 1,000 students.")] = 30_000,
    batch_count: Annotated[int, typer.Option("--batches", help="Batch documents of 100 students.")] = 1_500,
) -> None:
    """Measure, and print a table."""
    kinds = {"events": measure(events(event_count, 1_000)), "documents": measure(batches(batch_count, 100))}
    places = sorted({name for figures in kinds.values() for name in figures})
    print(f"{event_count:,} streamed events of 1,000 students, {batch_count:,} documents of 100\n")
    print("| bytes a webhook | event | document |\n| --- | ---: | ---: |")
    for place in places:
        event, document = (figures.get(place, 0.0) for figures in kinds.values())
        if max(event, document) >= _LEAST_BYTES:
            print(f"| {place} | {event:,.0f} | {document:,.0f} |")


if __name__ == "__main__":
    typer.run(main)
