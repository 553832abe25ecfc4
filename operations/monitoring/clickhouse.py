"""What the monitor sees of ClickHouse: whether it answers, what tables take, and whether the ledger adds up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from broker.clickhouse import connect
from operations.monitoring import metrics
from sinks.templates import Installation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings

__all__ = ["ClickHouseLook", "capped"]

_CONNECT_SECONDS: Final = 5
_MOST_ACADEMIES: Final = 50
_OTHERS: Final = "others"

# Of the parts alone, so that it costs the same whatever the tables hold.
_TABLES: Final = """
SELECT table, sum(rows), sum(bytes_on_disk), count()
FROM system.parts
WHERE active AND database IN ({public:String}, {derived:String})
GROUP BY table
"""
_SERVER: Final = """
SELECT
    filesystemAvailable(), filesystemCapacity(),
    sumIf(value, metric = 'Query'), sumIf(value, metric = 'MemoryTracking')
FROM system.metrics
"""
# What came the day before yesterday or earlier waits for nothing any more where nobody is behind: it is lost.
_LEDGER: Final = """
SELECT
    toString(day), toString(academy_id), received,
    difference + if({settled:UInt8} AND day < toDate(now('UTC')) - 1, toInt64(pending), 0)
FROM {public:Identifier}.ledger
WHERE day > today() - 7
"""


class ClickHouseLook:
    """Looks again and again, over a connection of its own that is made anew after a failure; blocks."""

    def __init__(self, settings: Settings, patience: int) -> None:
        """Nothing is connected yet; an answer may take `patience` seconds."""
        self._settings = settings
        self._patience = patience
        self._client: Client | None = None

    def look(self) -> None:
        """Read what is cheap; raises sinks.clickhouse.CLICKHOUSE_ERRORS, and then ClickHouse counts as away."""
        installation = Installation.of(self._settings)
        try:
            names = {"public": installation.public, "derived": installation.derived}
            tables = self._connected().query(_TABLES, parameters=names).result_rows
            ((free, capacity, queries, memory),) = self._connected().query(_SERVER).result_rows
        except Exception:
            # Whatever it is: who cannot be read is away, and a connection that broke is of no more use.
            metrics.CLICKHOUSE_UP.set(0)
            self.close()
            raise
        for table, rows, on_disk, parts in tables:
            metrics.TABLE_ROWS.labels(table).set(rows)
            metrics.TABLE_BYTES.labels(table).set(on_disk)
            metrics.PARTS.labels(table).set(parts)
        metrics.DISK_FREE.set(free)
        metrics.DISK_SIZE.set(capacity)
        metrics.QUERIES.set(queries)
        metrics.MEMORY.set(memory)
        metrics.CLICKHOUSE_UP.set(1)
        metrics.LOOKED_AT.labels("clickhouse").set_to_current_time()

    def balance(self, *, settled: bool) -> float:
        """Read the ledger, which counts all webhooks of a month; returns how many seconds that took.

        `settled` says that neither workers nor sinks are behind, so that what has no outcome after days never gets
        one. Raises sinks.clickhouse.CLICKHOUSE_ERRORS.
        """
        began = time.monotonic()
        parameters = {"public": self._settings.database, "settled": int(settled)}
        try:
            found = self._connected().query(_LEDGER, parameters=parameters).result_rows
        except Exception:
            self.close()
            raise
        metrics.LEDGER.clear()
        for (academy, day), difference in capped(found).items():
            metrics.LEDGER.labels(academy, day).set(difference)
        metrics.LOOKED_AT.labels("ledger").set_to_current_time()
        return time.monotonic() - began

    def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> Client:
        if self._client is None:
            self._client = connect(
                self._settings, connect_seconds=_CONNECT_SECONDS, answer_seconds=self._patience, query_retries=0
            )
        return self._client


def capped(rows: Iterable[Sequence[Any]], most: int = _MOST_ACADEMIES) -> dict[tuple[str, str], int]:
    """Differences by academy and day, of rows of day, academy, received and difference.

    Academies with a difference come first, then those with the most webhooks; of all beyond `most` the differences are
    added up, without their signs, as those of `others`.
    """
    taken = list(rows)
    weight: dict[str, tuple[int, int]] = {}
    for _, academy, received, difference in taken:
        differs, came = weight.get(academy, (0, 0))
        weight[academy] = (differs + abs(difference), came + received)
    shown = set(sorted(weight, key=lambda academy: (weight[academy], academy), reverse=True)[:most])
    found: dict[tuple[str, str], int] = {}
    for day, academy, _, difference in taken:
        if academy in shown:
            found[academy, day] = difference
        else:
            found[_OTHERS, day] = found.get((_OTHERS, day), 0) + abs(difference)
    return found
