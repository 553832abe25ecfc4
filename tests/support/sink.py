"""A sink process with topics of its own, and committed records for it to store."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import SecretStr

from operations.table_setup import setup_tables
from operations.topics import setup_topics
from schemas.settings import PREFIX
from schemas.times import sql_time
from schemas.wire.topics import Topics
from tests.support.lags import lags_of
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Child, Processes

__all__ = [
    "Row",
    "SinkBench",
    "caught_up",
    "document_row",
    "ended",
    "environment",
    "fact",
    "insert",
    "make_again",
    "outcome",
    "pack",
    "rows",
    "score",
]

_DAY_MS = 86_400_000

# Of yesterday: tables drop webhooks that are older than they keep them.
NOON = (time.time_ns() // 1_000_000 // _DAY_MS - 1) * _DAY_MS + _DAY_MS // 2


def environment(settings: Settings) -> dict[str, str]:
    """The settings that are not at their default, as the environment of a child process."""
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    return {
        f"{PREFIX}{name}".upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
    }


def fact(item: int, **columns: Any) -> dict[str, Any]:
    """A row of events as the worker writes it."""
    row = {
        "event": "compile",
        "occurred_at": sql_time(NOON),
        "received_at": sql_time(NOON),
        "academy_id": 1,
        "user_id": 7,
        "actor": "7",
        "telemetry_id": "run",
        "asset_slug": "tutorial",
        "asset_id": None,
        "package_id": None,
        "step_slug": "step",
        "step_position": 1,
        "exit_code": 0,
        "succeeded": True,
        "duration_ms": 5,
        "error_type": "",
        "code_bytes": 10,
        "output_bytes": 20,
        "source": "batch",
        "properties": {},
        "webhook_id": item,
        "ordinal": 0,
        "item_id": str(item),
        "version": item,
        "deleted": 0,
    }
    return row | columns


def score(version: int, **columns: Any) -> dict[str, Any]:
    """A row of scores as the worker writes it."""
    row = {
        "user_id": 7,
        "actor": "7",
        "asset_slug": "tutorial",
        "asset_id": None,
        "telemetry_id": "run",
        "engagement_score": 10.5,
        "frustration_score": 20.25,
        "completion_rate": 50.0,
        "total_time_seconds": 60.0,
        "metrics_algo_version": 1.0,
        "metrics": {"algo_version": 1.0, "steps": []},
        "overlay": None,
        "last_interaction_at": None,
        "finished_at": None,
        "updated_at": sql_time(NOON),
        "version": version,
    }
    return row | columns


def outcome(webhook: int, **columns: Any) -> dict[str, Any]:
    """A row of webhooks as the worker writes it."""
    row = {
        "id": webhook,
        "is_streaming": 0,
        "event": "batch",
        "academy_ids": [1],
        "student_id": 7,
        "asset_id": None,
        "package_slug": "tutorial",
        "learnpack_package_id": None,
        "status": "DONE",
        "status_text": "OK",
        "verdict": "stored",
        "result": None,
        "source": "learnpack",
        "created_at": sql_time(NOON),
        "updated_at": sql_time(NOON),
        "version": webhook,
        "deleted": 0,
    }
    return row | columns


def document_row(version: int, **columns: Any) -> tuple[str, bytes]:
    """The header of a document that says what is not in it."""
    row = {
        "id": 3,
        "user_id": 7,
        "actor": "7",
        "asset_slug": "tutorial",
        "telemetry_id": "run",
        "updated_at": sql_time(NOON),
        "version": version,
    }
    return "row", orjson.dumps(row | columns)


def pack(rows: Iterable[dict[str, Any] | bytes]) -> bytes:
    """Rows as one packed record; bytes are taken as lines."""
    return b"\n".join(row if isinstance(row, bytes) else orjson.dumps(row) for row in rows)


@dataclass(slots=True)
class SinkBench:
    """Topics and tables of one test, and sinks over them."""

    settings: Settings
    processes: Processes
    directory: Path
    topics: Topics = field(init=False)

    def __post_init__(self) -> None:
        self.topics = Topics.of(self.settings)

    async def setup(self) -> None:
        """Create topics and tables."""
        await setup_topics(self.settings)
        await asyncio.to_thread(setup_tables, self.settings)

    def start(self, fault: str = "", name: str = "sink") -> Child:
        """Start a sink, which may be told to die (tests/support/sink_process.py); wait for it with `ready`."""
        self.ready_file(name).unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.support.sink_process", str(self.ready_file(name)), fault]
        return self.processes.start(command, environment(self.settings))

    def ready_file(self, name: str = "sink") -> Path:
        """Exists while the sink of this name has partitions."""
        return self.directory / f"{name}.ready"

    @asynccontextmanager
    async def producing(self, transactional_id: str | None = "feeder") -> AsyncIterator[AIOKafkaProducer]:
        """A producer of transactions, or of plain records without an id."""
        name = f"{self.settings.topic_prefix}{transactional_id}" if transactional_id else None
        producer = AIOKafkaProducer(
            bootstrap_servers=self.settings.kafka, transactional_id=name, acks="all", max_request_size=16 << 20
        )
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def send(self, topic: str, values: Sequence[bytes | None], partition: int = 0, **fields: Any) -> list[int]:
        """Send plain records to a partition; their offsets."""
        async with self.producing(None) as producer:
            sent = [await producer.send(topic, value, partition=partition, **fields) for value in values]
            return [(await future).offset for future in sent]

    async def lag(self) -> int:
        """Offsets between the sinks' committed ones and the ends of the topics, transaction markers included."""
        async with self.lags() as lag:
            return await lag()

    async def all_read(self, timeout: float, look: Callable[[], None] = lambda: None) -> None:  # noqa: ASYNC109
        """Wait until nothing lags; `look` is called each time before, and what it raises is told at the end."""
        async with self.lags() as lag:

            async def done() -> bool:
                look()
                return await lag() == 0

            await aeventually(done, timeout, "no lag")

    def lags(self) -> AbstractAsyncContextManager[Callable[[], Awaitable[int]]]:
        """What returns the lag as often as it is called."""
        return lags_of(self.settings)


def rows(client: Client, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    return [tuple(row) for row in client.query(query, parameters=parameters).result_rows]


async def caught_up(bench: SinkBench, child: Child) -> None:
    """Wait until everything is stored and committed."""

    def runs() -> None:
        assert child.process.poll() is None, child.output

    # Rows that ClickHouse refuses are found by hundreds of small questions: a busy machine takes its time.
    await bench.all_read(150, runs)


async def ended(child: Child) -> int:
    """Wait for the end of a sink that should end by itself; its exit code."""
    await aeventually(lambda: asyncio.to_thread(lambda: child.process.poll() is not None), 180, "the sink's end")
    return int(child.process.returncode)


async def make_again(bench: SinkBench) -> None:
    """Delete the topic of facts, and have `setup` make it again."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.settings.kafka)
    await admin.start()
    await admin.delete_topics([bench.topics.facts])

    async def gone() -> bool:
        return bench.topics.facts not in await admin.list_topics()

    await aeventually(gone, 30, "the topic's end")
    await admin.close()
    await bench.setup()


Row = dict[str, Any]


def insert(client: Client, table: str, rows: list[Row]) -> None:
    """Insert rows of the worker into a table, as the sink does."""
    body = b"\n".join(map(orjson.dumps, rows))
    settings = {"async_insert": 0, "input_format_skip_unknown_fields": 1}
    if rows:
        client.raw_insert(table, None, body, settings=settings, fmt="JSONEachRow")
