"""How far everything is behind, measured every half minute and kept in ClickHouse for some days.

Several gateways may be at it: whoever finds that another has measured just now leaves it at that. Should two measure at
once, nothing is wrong, for whoever reads takes the most of a span.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import ClickHouseError

from broker import clients
from broker.partitioning import topic_partitions
from operations.clickhouse import connected
from operations.generations.journal import at_live, read_journal
from operations.lag import collect_lag, readings
from schemas.wire.generations import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from clickhouse_connect.driver.client import Client

    from operations.lag import Lag
    from schemas.settings import Settings

__all__ = ["LagHistory", "measured"]

_log: Final = structlog.stdlib.get_logger("operations")

_BEAT_SECONDS: Final = 30.0
_TIMEOUT_SECONDS: Final = 20.0
_CONNECT_SECONDS: Final = 5
# Six hours of a ClickHouse that is away.
_KEPT: Final = 720
_TABLE: Final = "lag_history"
_COLUMNS: Final = ("at", "consumer", "topic", "partitions", "records", "seconds")
_LATELY: Final = f"SELECT count() FROM {_TABLE} WHERE at > now64(3) - toIntervalMillisecond({{milliseconds:UInt32}})"  # noqa: S608 - our own text


async def measured(settings: Settings) -> list[Lag]:
    """How far parts of the live generation are behind now; raises KafkaError, OSError, TimeoutError, JournalError."""
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        journal = await read_journal(settings)
        live = at_live(settings, journal)
        async with clients.opened(clients.admin(live.kafka_options())) as admin:
            return await collect_lag(live, admin, readings(live, journal), await topic_partitions(admin))


def _connected(settings: Settings) -> Client:
    return connected(settings, connect_seconds=_CONNECT_SECONDS, answer_seconds=int(_TIMEOUT_SECONDS))


class LagHistory:
    """Measures and keeps; what ClickHouse does not take waits for it, six hours of it at most."""

    def __init__(
        self,
        settings: Settings,
        *,
        beat_seconds: float = _BEAT_SECONDS,
        connect: Callable[[Settings], Client] = _connected,
    ) -> None:
        """Nothing is asked or written yet."""
        self._settings = settings
        self._connect = connect
        self._beat_seconds = beat_seconds
        self._waiting: deque[tuple[datetime, list[Lag]]] = deque(maxlen=_KEPT)
        self._troubled = False

    async def keep(self) -> None:
        """Measure again and again, for ever; what fails is told once until it works, and tried at the next beat."""
        while True:
            try:
                await self.beat()
                self._troubled = False
            except (KafkaError, ClickHouseError, OSError, JournalError) as error:
                if not self._troubled:
                    reason = str(error).partition("\n")[0] or type(error).__name__
                    _log.warning("lag is not kept", reason=reason)
                self._troubled = True
            await asyncio.sleep(self._beat_seconds)

    async def beat(self) -> None:
        """Measure, unless somebody else just has, and write what is not written yet.

        Raises KafkaError, OSError or JournalError where Kafka does not tell, and ClickHouse's errors where that does
        not take it, which is then written at a later beat.
        """
        if not self._waiting and await self._by_others():
            return
        self._waiting.append((datetime.now(UTC), await measured(self._settings)))
        await asyncio.to_thread(self._write)

    async def _by_others(self) -> bool:
        try:
            return await asyncio.to_thread(self._lately)
        except (ClickHouseError, OSError):
            # Kafka may answer all the same, and what is measured now is written later.
            return False

    def _lately(self) -> bool:
        with closing(self._connect(self._settings)) as client:
            # A little less than a beat, else one's own last measurement would count for somebody else's.
            milliseconds = int(self._beat_seconds * 800)
            return bool(client.query(_LATELY, parameters={"milliseconds": milliseconds}).result_rows[0][0])

    def _write(self) -> None:
        rows = [
            (
                at,
                lag.group,
                lag.topic,
                [one.partition for one in lag.partitions],
                [one.lag for one in lag.partitions],
                [one.seconds for one in lag.partitions],
            )
            for at, lags in self._waiting
            for lag in lags
        ]
        with closing(self._connect(self._settings)) as client:
            client.insert(_TABLE, rows, column_names=_COLUMNS)
        self._waiting.clear()
