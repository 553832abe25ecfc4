"""The table `raw` as an archive needs it: what there is, figures of it, and ClickHouse's own export. All of it is SQL.

Every row of `raw` has the record's `place`, by which it is read. A filter by anything but the id reads narrow columns
of the whole table first and then only the granules of those ids: `FINAL` alone would read every body.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from operations.clickhouse_streams import PARQUET, pieces
from operations.raw_log.archive_files import Group
from operations.raw_log.figures import FIGURES, figures_of
from schemas.wire.place import OFFSET_MASK, place_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

    from operations.raw_log.figures import Figures

__all__ = ["Range", "RawRows"]

# A granule that is skipped might hold the newer row of an id.
_EXACT: Final = {"use_skip_indexes_if_final": 0, "max_bytes_before_external_sort": 256 << 20}
# Bodies need not be UTF-8, and some are millions of bytes: a row group is held in memory while it is written.
_PARQUET: Final = {
    "output_format_parquet_string_as_string": 0,
    "output_format_parquet_compression_method": "zstd",
    "output_format_parquet_row_group_size_bytes": 64 << 20,
}

_INCOMPLETE: Final = """
SELECT count(), toString(max(received_at)) FROM {database:Identifier}.raw FINAL
WHERE place IS NULL AND toDate32(received_at, 'UTC') <= {until:Date32}
"""
# What came before the last record of a closed day belongs to the archive, whatever its day: what is archived of a
# partition is the beginning of it, without holes.
_GROUPS: Final = """
SELECT toString(day), partition, count(), min(place), max(place) FROM
    (
        SELECT toDate32(received_at, 'UTC') AS day, bitShiftRight(assumeNotNull(place), 40) AS partition,
            assumeNotNull(place) AS place
        FROM {database:Identifier}.raw FINAL WHERE place IS NOT NULL
    ) AS stored
INNER JOIN
    (
        SELECT bitShiftRight(assumeNotNull(place), 40) AS partition, max(assumeNotNull(place)) AS upper
        FROM {database:Identifier}.raw FINAL
        WHERE place IS NOT NULL AND toDate32(received_at, 'UTC') <= {until:Date32} GROUP BY partition
    ) AS closed
USING (partition)
WHERE place <= upper GROUP BY day, partition ORDER BY partition, day
"""
_ROWS: Final = """
SELECT id, assumeNotNull(r.place) AS place, toUInt32(bitShiftRight(version, 40)) AS partition,
    {partitions:UInt32} AS partitions, received_at, key, headers, if(valueless = 1, NULL, payload) AS value
FROM {database:Identifier}.raw AS r FINAL
WHERE id IN
    (
        SELECT s.id FROM {database:Identifier}.raw AS s FINAL
        WHERE toDate32(s.received_at, 'UTC') = {day:Date32} AND s.place BETWEEN {low:UInt64} AND {high:UInt64}
    )
"""


@dataclass(frozen=True, slots=True)
class Range:
    """Rows of one UTC day and partition, by offset, both ends included."""

    day: str
    partition: int
    first: int
    last: int


class RawRows:
    """Reads the table `raw`. Every method raises sinks.clickhouse.CLICKHOUSE_ERRORS."""

    def __init__(self, client: Client, database: str, partitions: int) -> None:
        """Read `database`; `partitions` of the raw topic are noted in every row that is exported."""
        self._client = client
        self._own = {"database": database, "partitions": partitions}

    def incomplete(self, until: str) -> tuple[int, str]:
        """Rows that were stored before key and headers were, up to a day, and when the last of them arrived."""
        ((count, last),) = self._client.query(_INCOMPLETE, {**self._own, "until": until}, settings=_EXACT).result_rows
        return int(count), str(last)

    def groups(self, until: str) -> list[Group]:
        """What there is up to the last record of a UTC day, in order of partition and day."""
        rows_of_groups = self._client.query(_GROUPS, {**self._own, "until": until}, settings=_EXACT).result_rows
        return [
            Group(str(day), int(partition), int(rows), int(low) & OFFSET_MASK, int(high) & OFFSET_MASK)
            for day, partition, rows, low, high in rows_of_groups
        ]

    def figures(self, wanted: Range) -> Figures:
        """Of the rows in a range."""
        query = f"{FIGURES} FROM ({_ROWS})"
        return figures_of(self._client.query(query, self._parameters(wanted), settings=_EXACT).result_rows)

    def export(self, wanted: Range) -> Iterator[bytes]:
        """The rows in a range as ClickHouse writes them to Parquet, ordered by place, in pieces."""
        query = f"{_ROWS} ORDER BY place"
        options = {**_EXACT, **_PARQUET}
        yield from pieces(self._client, query, self._parameters(wanted), options, "Parquet", end=PARQUET)

    def _parameters(self, wanted: Range) -> dict[str, Any]:
        low = place_at(wanted.partition, 0)
        return {**self._own, "day": wanted.day, "low": low | wanted.first, "high": low | wanted.last}
