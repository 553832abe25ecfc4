"""The monitor: looks at Kafka, ClickHouse and the ledger, again and again, and tells Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from broker.clickhouse_errors import CLICKHOUSE_ERRORS
from broker.watched import Watched
from operations.monitoring.clickhouse import ClickHouseLook
from operations.monitoring.kafka import KAFKA_ERRORS, KafkaLook
from operations.monitoring.metrics import KINDS, LOOKED_AT, LOOP, MONITOR
from schemas.errors import text_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from schemas.settings import Settings

__all__ = ["Monitor"]

_log: Final = structlog.stdlib.get_logger("monitor")

_LOOK_SECONDS: Final = 10.0
_LEDGER_SECONDS: Final = 60.0
# What is cheap is answered at once, or ClickHouse is away; counting a month of webhooks may take its time.
_PARTS_SECONDS: Final = 10
_COUNT_SECONDS: Final = 300
# Of ClickHouse's time at most this part is spent on counting webhooks.
_LEDGER_DUTY: Final = 0.05


class Monitor:
    """Looks while it is `running`; who is away is told as away and asked again."""

    def __init__(self, settings: Settings, pause: float = _LOOK_SECONDS, ledger_pause: float = _LEDGER_SECONDS) -> None:
        """Nothing is asked yet; the pauses between two looks are in seconds."""
        self._pause = pause
        self._ledger_pause = ledger_pause
        self._kafka = KafkaLook(settings)
        self._database = ClickHouseLook(settings, _PARTS_SECONDS)
        # A client of its own: two threads must not share one.
        self._ledger = ClickHouseLook(settings, _COUNT_SECONDS)
        self._tasks = (
            Watched("kafka figures", partial(self._repeat, "kafka", self._look_at_kafka)),
            Watched("clickhouse figures", partial(self._repeat, "clickhouse", self._look_at_clickhouse)),
            Watched("ledger figures", partial(self._repeat, "ledger", self._look_at_ledger)),
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look for a while; then the connections are closed."""
        LOOP.start()
        for kind in KINDS:
            # Else what is never read would have no age.
            LOOKED_AT.labels(kind).set_to_current_time()
        for task in self._tasks:
            task.start()
        MONITOR.ready = True
        try:
            yield
        finally:
            MONITOR.ready = False
            for task in self._tasks:
                await task.stop()
            await LOOP.stop()
            await self._kafka.close()
            self._database.close()
            self._ledger.close()

    async def _repeat(self, kind: str, look: Callable[[], Awaitable[float]]) -> None:
        away_since: float | None = None
        while True:
            pause = self._pause
            try:
                pause = await look()
            except (*KAFKA_ERRORS, *CLICKHOUSE_ERRORS) as error:
                if away_since is None:
                    away_since = time.monotonic()
                    reason = text_of(error).partition("\n")[0]
                    _log.warning("figures cannot be read", kind=kind, reason=reason)
            else:
                if away_since is not None:
                    _log.info("figures can be read again", kind=kind, seconds=round(time.monotonic() - away_since, 1))
                away_since = None
            await asyncio.sleep(pause)

    async def _look_at_kafka(self) -> float:
        await self._kafka.look()
        return self._pause

    async def _look_at_clickhouse(self) -> float:
        await asyncio.to_thread(self._database.look)
        return self._pause

    async def _look_at_ledger(self) -> float:
        spent = await asyncio.to_thread(self._ledger.balance, settled=self._kafka.settled)
        return max(self._ledger_pause, spent / _LEDGER_DUTY)
