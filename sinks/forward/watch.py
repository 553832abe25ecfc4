"""Looks who is stuck, again and again, and writes each episode to a topic, once; that is forwarded like completions.

| # | step | a crash after it |
| --- | --- | --- |
| 1 | ClickHouse is asked who is stuck; without anybody new this is all | nothing was written |
| 2 | whoever else writes episodes is fenced | as 1; the other one begins anew |
| 3 | what the topic holds beyond what was read before is read | as 1 |
| 4 | those that are new still are written in one transaction | all of them, or none: then the next one writes them |
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka.errors import KafkaError, ProducerFenced

from broker import clickhouse, clients
from broker.clickhouse_errors import CLICKHOUSE_ERRORS, one_line
from broker.reading import read_cells, written_ends
from schemas.wire.forwarding import Episode, MessageError
from schemas.wire.topics import Topics
from sinks.errors import SinkError
from sinks.forward.metrics import EPISODES, LOOKED_AT
from sinks.forward.stuck import ask, in_doubt, newly_stuck, remembered, tries_since

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from sinks.forward.stuck import Place

__all__ = ["Watch"]

_log: Final = structlog.get_logger(__name__)

_PARTITION: Final = 0
_ERRORS: Final = (*CLICKHOUSE_ERRORS, KafkaError, SinkError, TimeoutError)
# Whoever reads waits for a transaction that is left open.
_TRANSACTION_MS: Final = 10_000
_LOOK_SECONDS: Final = 120.0
_CONNECT_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 60


class Watch:
    """Looks while `leads` says so: of the forwarders of a name one does."""

    def __init__(self, settings: Settings, leads: Callable[[], bool]) -> None:
        """Nothing is asked before `run`."""
        self._settings = settings
        self._leads = leads
        self._topic = Topics.of(settings).stuck
        self._client: Client | None = None
        self._told: dict[Place, Episode] = {}
        self._read_until: dict[int, int] = {}

    async def run(self) -> None:
        """Look until cancelled; what cannot be asked, or written, is tried again with the next look."""
        away = False
        while True:
            if self._leads():
                try:
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._look()
                except _ERRORS as error:
                    if not away:
                        _log.warning("nobody can be asked who is stuck", reason=one_line(error))
                    away = True
                else:
                    LOOKED_AT.set_to_current_time()
                    away = False
            else:
                LOOKED_AT.set(0)
            await asyncio.sleep(self._settings.forward_stuck_seconds)

    def close(self) -> None:
        """Hang up."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def _look(self) -> None:
        now_stuck = await asyncio.to_thread(self._ask)
        if not now_stuck or not await self._new(now_stuck):
            return
        producer = clients.producer(
            self._settings.kafka_options(),
            transactional_id=Topics.of(self._settings).stuck_writer,
            transaction_timeout_ms=_TRANSACTION_MS,
        )
        try:
            await producer.start()
            await self._read(max(one.told_at for one in now_stuck))
            if new := await self._new(now_stuck):
                async with producer.transaction():
                    for episode in new:
                        key = "\0".join(episode.place).encode(errors="replace")
                        await producer.send(self._topic, episode.encode(), key=key, partition=_PARTITION)
                EPISODES.inc(len(new))
        except ProducerFenced:
            # Another one looks as well, for a receiver of another name: with the next look it is known what he wrote.
            return
        finally:
            with contextlib.suppress(Exception):
                await producer.stop()
                clients.hear_failures(producer)

    async def _new(self, now_stuck: list[Episode]) -> list[Episode]:
        tries = await asyncio.to_thread(self._tries, in_doubt(now_stuck, self._told))
        return newly_stuck(now_stuck, self._told, tries)

    async def _read(self, now: int) -> None:
        """Learn what was told beyond what is known, and forget what is long ago; `now` (ms) is ClickHouse's."""
        ends = await written_ends(self._settings, self._topic, [_PARTITION])
        async for _, cells in read_cells(self._settings, self._topic, self._read_until, ends):
            self._told = remembered(self._told, _episodes(cells), now)
        self._read_until = ends

    def _ask(self) -> list[Episode]:
        if self._client is None:
            self._client = clickhouse.connect(
                self._settings,
                connect_seconds=_CONNECT_SECONDS,
                answer_seconds=_ANSWER_SECONDS,
                database=self._settings.database,
            )
        return ask(self._client)

    def _tries(self, places: dict[Place, int]) -> dict[Place, list[tuple[int, bool]]]:
        if self._client is None or not places:
            return {}
        return tries_since(self._client, places)


def _episodes(cells: Iterable[tuple[bytes, bytes | None]]) -> Iterator[Episode]:
    for _, value in cells:
        # What others write there tells of nobody.
        with contextlib.suppress(MessageError):
            yield Episode.decode(value)
