"""A raw topic with all that can be in it, and what became of it."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import aiokafka
import orjson
from aiokafka import TopicPartition

from schemas.wire.headers import RawHeaders, decode_headers, encode_headers
from schemas.wire.staff import DeleteCommand, TelemetryCommand, encode_command
from schemas.wire.topics import Topics
from schemas.wire.webhook import webhook_id
from tests.chaos.kafka import consumer, produce, read_all
from tests.chaos.load import webhooks
from tests.support.commands import as_environment
from tests.support.generations import rows_of
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import pytest
    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory

__all__ = ["FAST_CLI", "MARGIN", "agrees", "all_stored", "ids", "long_kept", "restored", "send", "written_beyond"]

# A copy's first offsets are filled up to behind the source's, which takes long: only one test does that in full.
MARGIN = 1_000
FAST_CLI = f"import operations.raw_log.target as t; t.MARGIN = {MARGIN}; from deploy.cli import main; main()"

DAY_MS = 86_400_000
STAFF = RawHeaders(source="staff", academy=1, principal="1", capabilities=("crud_telemetry",), receipt="s")


def ids(settings: Settings) -> list[tuple[int, bytes | None, bytes | None, int]]:
    """Id, key, value and arrival of every record of the raw topic."""
    found = asyncio.run(read_all(settings.kafka, Topics.of(settings).raw, settings.partitions))
    return sorted(
        (webhook_id(one.partition, one.offset, decode_headers(one.headers)), one.key, one.value, one.timestamp)
        for part in found
        for one in part
    )


def send(settings: Settings, count: int) -> None:
    """Two days of webhooks as the gateway sends them, with staff commands, a poison, and one sent again."""
    load = list(webhooks(count, random.Random(8), students=12, day_ms=2 * DAY_MS))  # noqa: S311 - repeatable
    records: list[tuple[int | None, bytes, bytes | None, Any]] = [
        (None, one.key, one.value, one.headers) for one in load
    ]
    times = [one.timestamp for one in load]
    fields = {"engagement_score": 12.5}
    command_ = TelemetryCommand("telemetry.upsert", "20003", "by-hand", fields)
    last = times[-1]
    more: list[tuple[int | None, bytes, bytes | None, Any]] = [
        (None, b"20003", encode_command(command_), encode_headers(STAFF)),
        (0, b"staff", encode_command(DeleteCommand("webhook.delete", 3)), encode_headers(STAFF)),
        (1, b"staff", encode_command(DeleteCommand("webhook.delete", 1 << 40 | 4)), encode_headers(STAFF)),
        (None, b"20004", b"no JSON", encode_headers(RawHeaders(receipt="bad"))),
    ]
    asyncio.run(produce(settings.kafka, Topics.of(settings).raw, records + more, timestamps=[*times, *[last] * 4]))
    # As `dead-letters retry` does it: in a transaction, later in the log, with the first one's id.
    (first,) = (place for place, key, value, _ in ids(settings) if value == b"no JSON")
    retry = orjson.dumps({"slug": "lists", "user_id": 20004, "telemetry_id": "again", "steps": []})
    asyncio.run(_in_transaction(settings, b"20004", retry, encode_headers(RawHeaders(retry_of=first)), last))


def restored(settings: Settings, name: str, **own: Any) -> Settings:
    """Settings that read a copy of the raw topic."""
    return settings.model_copy(update={"raw_topic": name, **own})


def written_beyond(settings: Settings, name: str, count: int) -> bool:
    """Whether more than so many records were written into a copy of two partitions, behind those that fill it."""

    async def ends(topic: str) -> int:
        async with consumer(settings.kafka) as reader:
            return sum((await reader.end_offsets([TopicPartition(topic, 0), TopicPartition(topic, 1)])).values())

    copy, source = Topics.of(restored(settings, name)).raw, Topics.of(settings).raw
    return asyncio.run(ends(copy)) > asyncio.run(ends(source)) + 2 * MARGIN + count


async def _in_transaction(settings: Settings, key: bytes, value: bytes, headers: Any, at: int) -> None:
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=settings.kafka, transactional_id=settings.topic_prefix)
    await producer.start()
    try:
        async with producer.transaction():
            await producer.send_and_wait(Topics.of(settings).raw, value, key, headers=headers, timestamp_ms=at)
    finally:
        await producer.stop()


def all_stored(clickhouse: Client, database: str, table: str, count: int) -> None:
    """Wait until every webhook has its row."""
    query = f"SELECT uniqExact(id) FROM {database}.{table}"
    eventually(lambda: clickhouse.command(query) == count, 120, f"{count} rows in {database}.{table}")


def agrees(clickhouse: Client, database: str, table: str, expected: list[tuple[Any, ...]]) -> bool:
    """Whether a table has exactly these rows."""
    return rows_of(clickhouse, database, table) == expected


def long_kept(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with two partitions and tables that keep the load's days, for commands, too."""
    made = settings(partitions=2, webhook_retention_days=3650)
    for name, value in as_environment(made).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TELEMETRY_WEBHOOK_RETENTION_DAYS", "3650")
    return made
