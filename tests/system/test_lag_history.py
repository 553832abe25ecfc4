"""How far everything is behind, kept in ClickHouse."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from broker import clients
from deploy.local.resources import free_port
from operations.lag_history import LagHistory
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings

pytestmark = pytest.mark.system


def kept(settings: Settings) -> list[tuple[Any, ...]]:
    """What the table has of the workers."""
    client = clickhouse_connect.get_client(
        dsn=settings.clickhouse.get_secret_value(), database=settings.database, autogenerate_session_id=False
    )
    try:
        rows = client.query(
            "SELECT topic, partitions, records, seconds FROM lag_history WHERE consumer = {worker:String} ORDER BY at",
            parameters={"worker": Topics.of(settings).application},
        )
        return [tuple(row) for row in rows.result_rows]
    finally:
        client.close()


async def test_what_waits_is_kept_by_partition(installed: Settings) -> None:
    """With how long; who finds that somebody has measured just now measures nothing."""
    raw = Topics.of(installed).raw
    await LagHistory(installed).beat()
    assert kept(installed) == [(raw, [], [], [])]

    async with clients.opened(clients.producer(installed.kafka_options())) as producer:
        at = time.time_ns() // 1_000_000 - 60_000
        for number in (1, 1, 0):
            await producer.send_and_wait(raw, b"{}", b"k", partition=number, timestamp_ms=at)
    await LagHistory(installed).beat()
    assert len(kept(installed)) == 1

    await LagHistory(installed, beat_seconds=0.0).beat()
    topic, partitions, records, seconds = kept(installed)[1]
    assert (topic, partitions, records) == (raw, [0, 1], [1, 2])
    assert all(60 <= waited < 3600 for waited in seconds)


async def test_clickhouse_may_be_away(installed: Settings) -> None:
    """What was measured meanwhile is written when it is back."""
    away = True

    def connect(settings: Settings) -> Client:
        at = f"http://127.0.0.1:{free_port()}" if away else settings.clickhouse.get_secret_value()
        return clickhouse_connect.get_client(dsn=at, database=settings.database, autogenerate_session_id=False)

    history = LagHistory(installed, beat_seconds=0.0, connect=connect)
    for _ in range(2):
        with pytest.raises(ClickHouseError):
            await history.beat()
    away = False
    await history.beat()

    assert len(kept(installed)) == 3
