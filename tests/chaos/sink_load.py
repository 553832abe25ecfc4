"""A load of committed rows for sinks under faults, and the check of what became of it."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from schemas.times import sql_time
from tests.support.sink import fact, outcome, pack, score
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiokafka import AIOKafkaProducer
    from clickhouse_connect.driver.client import Client

    from tests.support.sink import SinkBench

__all__ = ["Load", "check"]

_FACTS_OF_A_CHUNK = 20
_STUDENTS = 50
_CATCH_UP_SECONDS = 120


class Load:
    """Transactions of webhooks, facts, outcomes and scores, numbered from 0 as they are committed."""

    def __init__(self, bench: SinkBench) -> None:
        self.chunks = 0
        self._bench = bench
        self._started = int(time.time() * 1000)
        self._over = asyncio.Event()

    @property
    def items(self) -> int:
        """Facts that are committed."""
        return self.chunks * _FACTS_OF_A_CHUNK

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        """Load until the block is left; once for each object."""
        task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            self._over.set()
            await task

    async def grows(self, chunks: float) -> None:
        """Wait until so many more chunks are committed."""
        wanted = self.chunks + chunks

        async def grown() -> bool:
            return self.chunks >= wanted

        await aeventually(grown, _CATCH_UP_SECONDS, f"{wanted:g} chunks")

    async def _run(self) -> None:
        async with self._bench.producing("load") as producer:
            for chunk in itertools.count():
                if self._over.is_set():
                    return
                async with producer.transaction():
                    await self._send(producer, chunk)
                self.chunks = chunk + 1

    async def _send(self, producer: AIOKafkaProducer, chunk: int) -> None:
        topics = self._bench.topics
        place = {"partition": chunk % self._bench.settings.partitions}
        actor = str(chunk % _STUDENTS)
        items = range(chunk * _FACTS_OF_A_CHUNK, (chunk + 1) * _FACTS_OF_A_CHUNK)
        arrival = sql_time(self._started)
        headers = [("id", b"%d" % chunk)]
        await producer.send(topics.raw, b"{}", headers=headers, timestamp_ms=self._started, **place)
        await producer.send(topics.facts, pack(fact(item, actor=actor, received_at=arrival) for item in items), **place)
        await producer.send(topics.outcomes, pack([outcome(chunk, created_at=arrival)]), **place)
        await producer.send(topics.scores, pack([score(chunk, actor=actor, updated_at=arrival)]), **place)


async def check(client: Client, bench: SinkBench, load: Load) -> None:
    """Wait until nothing lags; then readers of every table must see what was committed exactly once.

    Raises AssertionError with the query that tells otherwise.
    """
    await bench.all_read(_CATCH_UP_SECONDS)
    database = bench.settings.database
    for table, identity, count in (
        (f"{database}.events", "item_id", load.items),
        (f"{database}.webhooks", "id", load.chunks),
        (f"{database}.raw FINAL", "id", load.chunks),
    ):
        query = f"SELECT count(), uniqExact({identity}), min({identity}), max({identity}) FROM {table}"
        assert [tuple(row) for row in client.query(query).result_rows] == [(count, count, 0, count - 1)], query
    query = f"SELECT sum(received), sum(stored), sum(pending), max(abs(difference)) FROM {database}.ledger"
    assert [tuple(row) for row in client.query(query).result_rows] == [(load.chunks, load.chunks, 0, 0)], query

    async def figures() -> bool:
        query = f"SELECT sum(total_sessions), sum(compiles) FROM {database}.asset_daily"
        return [tuple(row) for row in client.query(query).result_rows] == [(min(load.chunks, _STUDENTS), load.items)]

    await aeventually(figures, _CATCH_UP_SECONDS, "the day's figures")
