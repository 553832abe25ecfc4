"""A table of its own that the Parquet files of an archive are read into, by ClickHouse itself."""

from __future__ import annotations

from binascii import a2b_base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from operations.raw_log.figures import FIGURES, figures_of
from schemas.wire.place import OFFSET_MASK, place_at
from schemas.wire.rows import HEADERS_TYPE

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from operations.raw_log.figures import Figures

__all__ = ["StagedRecord", "Staging"]

_PAGE_ROWS: Final = 500
_PAGE_BYTES: Final = 4 << 20

_STAGING: Final = f"""
CREATE TABLE {{database:Identifier}}.{{table:Identifier}}
(
    id UInt64, place UInt64, partition UInt32, partitions UInt32, received_at DateTime64(3, 'UTC'),
    key Nullable(String), headers {HEADERS_TYPE}, value Nullable(String) CODEC(ZSTD(3))
)
ENGINE = MergeTree ORDER BY place SETTINGS index_granularity = 256
COMMENT 'Rows of an archive while they are checked or restored; it may be dropped'
"""
# By their sizes first: of records that are many times larger than a page, only a page's are held in memory.
_PAGE: Final = """
SELECT place, partition, partitions, toUnixTimestamp64Milli(received_at), base64Encode(key),
    arrayMap(h -> (h.1, base64Encode(h.2)), headers), base64Encode(value)
FROM {database:Identifier}.{table:Identifier}
WHERE place IN
    (
        SELECT place FROM
            (
                SELECT place, sum(size) OVER (ORDER BY place) - size AS before
                FROM
                    (
                        SELECT place, length(ifNull(value, '')) AS size FROM {database:Identifier}.{table:Identifier}
                        WHERE place >= {low:UInt64} AND place <= {high:UInt64}
                        ORDER BY place, partitions DESC LIMIT 1 BY place LIMIT {rows:UInt32}
                    )
            )
        WHERE before < {bytes:UInt64}
    )
ORDER BY place, partitions DESC LIMIT 1 BY place
"""
_LASTS: Final = """
SELECT bitShiftRight(place, 40) AS number, max(place) FROM {database:Identifier}.{table:Identifier} GROUP BY number
"""


@dataclass(frozen=True, slots=True)
class StagedRecord:
    """A raw record as it was; `partition` of `partitions` is where it was read, `timestamp` milliseconds."""

    place: int
    partition: int
    partitions: int
    timestamp: int
    key: bytes | None
    headers: list[tuple[str, bytes]]
    value: bytes | None


class Staging:
    """A table of its own that Parquet files are read into. Every method raises sinks.clickhouse.CLICKHOUSE_ERRORS."""

    def __init__(self, client: Client, database: str, table: str) -> None:
        self._client = client
        self._own = {"database": database, "table": table}
        self._full = f"`{database}`.`{table}`"

    def create(self) -> None:
        """Begin with an empty table, also where an earlier one was left behind."""
        self.drop()
        self._client.command(_STAGING, self._own)

    def drop_others(self, prefix: str) -> None:
        """Remove tables whose names begin so: those of runs that were killed, and of one that still runs."""
        query = (
            "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, {prefix:String})"
        )
        for (name,) in self._client.query(query, {**self._own, "prefix": prefix}).result_rows:
            Staging(self._client, self._own["database"], str(name)).drop()

    def drop(self) -> None:
        """Remove the table."""
        self._client.command("DROP TABLE IF EXISTS {database:Identifier}.{table:Identifier} SYNC", self._own)

    def empty(self) -> None:
        """Remove the rows."""
        self._client.command("TRUNCATE TABLE {database:Identifier}.{table:Identifier} SYNC", self._own)

    def load(self, file: Path) -> None:
        """Add the rows of a Parquet file."""
        with file.open("rb") as data:
            self._client.raw_insert(self._full, insert_block=data, settings={"async_insert": 0}, fmt="Parquet")

    def figures(self) -> Figures:
        """Of all its rows."""
        query = f"{FIGURES} FROM {{database:Identifier}}.{{table:Identifier}}"
        return figures_of(self._client.query(query, self._own).result_rows)

    def lasts(self) -> dict[int, int]:
        """The last offset of each partition that has rows."""
        return {
            int(partition): int(place) & OFFSET_MASK
            for partition, place in self._client.query(_LASTS, self._own).result_rows
        }

    def page(self, partition: int, first: int) -> list[StagedRecord]:
        """The next records of a partition from an offset on, each place once; empty at the end."""
        low = place_at(partition, 0)
        parameters = {
            **self._own,
            "low": low | first,
            "high": low | OFFSET_MASK,
            "rows": _PAGE_ROWS,
            "bytes": _PAGE_BYTES,
        }
        return [
            _record(orjson.loads(line))
            for line in self._client.raw_query(_PAGE, parameters, fmt="JSONCompactEachRow").splitlines()
        ]


def _bytes(text: str | None) -> Any:
    return None if text is None else a2b_base64(text)


def _record(row: list[Any]) -> StagedRecord:
    place, partition, partitions, timestamp, key, headers, value = row
    return StagedRecord(
        int(place),
        int(partition),
        int(partitions),
        int(timestamp),
        _bytes(key),
        [(name, _bytes(item)) for name, item in headers],
        _bytes(value),
    )
