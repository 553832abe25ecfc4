"""What the live generation's tables hold of some students, and what recomputed rows would say in them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson

from operations.replay.comparison import SCORE_COLUMNS, VERDICT_COLUMNS, content_of
from operations.replay_students.changes import Known
from schemas.sql import literal
from schemas.wire.rows import CLAIMS, DEAD_LETTERS, EVENTS, SCORES, STUDENT_DAY, TELEMETRY, WEBHOOKS
from schemas.wire.webhook import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from clickhouse_connect.driver.client import Client

    from operations.replay_students.derived import Identity, Row
    from operations.replay_students.scope import Scope
    from schemas.wire.rows import Table
    from sinks.templates import Installation

__all__ = ["BY_ACTOR", "LETTER", "LiveTables"]

_Value = TypeVar("_Value")

BY_ACTOR: Final = (EVENTS, TELEMETRY, SCORES, STUDENT_DAY, CLAIMS)
LETTER: Final = ("partition", "offset", "stage")
# Columns that a comparison shows.
_SHOWN: Final = {
    WEBHOOKS.name: VERDICT_COLUMNS,
    SCORES.name: SCORE_COLUMNS,
}
_AT_ONCE: Final = 5_000
_BYTES_AT_ONCE: Final = 4 << 20
# Long lists and rows are part of the statement; what a sink's insert is told about formats holds here, too.
_SETTINGS: Final = {
    "max_query_size": 1 << 30,
    "input_format_skip_unknown_fields": 1,
    "date_time_input_format": "basic",
}
_STORED: Final = frozenset({"written_at"})


def _some(values: Iterable[_Value], most: int) -> Iterator[list[_Value]]:
    left = iter(values)
    while batch := list(islice(left, most)):
        yield batch


class LiveTables:
    """Asks ClickHouse; every method raises its errors."""

    def __init__(self, client: Client, installation: Installation) -> None:
        self._client = client
        self._installation = installation
        self._database = installation.derived

    def _ask(self, sql: str) -> Iterator[list[Any]]:
        answer = self._client.raw_query(sql, settings=_SETTINGS, fmt="JSONCompactEachRow")
        return (orjson.loads(line) for line in answer.splitlines())

    def actors(self, scope: Scope, slugs: Collection[str]) -> set[str]:
        """The students who have something on the scope's tutorial, by any of its slugs, or in its academy."""
        if scope.academy is not None:
            academy = f"SELECT DISTINCT actor FROM {self._database}.events FINAL WHERE academy_id = {scope.academy}"
            students = (
                f"SELECT DISTINCT toString(student_id) FROM {self._database}.webhooks FINAL "
                f"WHERE has(academy_ids, {scope.academy}) AND student_id IS NOT NULL"
            )
            return {str(actor) for (actor,) in (*self._ask(academy), *self._ask(students))}
        wanted = ", ".join(map(literal, sorted(slugs)))
        return {
            str(actor)
            for table in (EVENTS, TELEMETRY, SCORES, STUDENT_DAY)
            for (actor,) in self._ask(
                f"SELECT DISTINCT actor FROM {self._database}.{table.name} FINAL WHERE asset_slug IN ({wanted})"
            )
        }

    def known(
        self, table: Table, column: str, values: Iterable[str | int]
    ) -> tuple[dict[Identity, Known], dict[Identity, int]]:
        """The rows with these values of a column as readers see them, and the highest version of each identity."""
        identity = ", ".join(f"toString(`{name}`)" for name in table.identity)
        shown = "".join(f", {name}" for name in _SHOWN.get(table.name, ()))
        width, live, highest = len(table.identity), {}, {}
        for some in _some(values, _AT_ONCE):
            listed = ", ".join(literal(value) for value in some)
            where = f"FROM {self._database}.{table.name}{{}} WHERE `{column}` IN ({listed})"
            content = f"toString(cityHash64(toString(tuple({content_of(table)}))))"
            for row in self._ask(f"SELECT {identity}, version, {content}{shown} {where.format(' FINAL')}"):
                live[tuple(row[:width])] = Known(int(row[width]), row[width + 1], tuple(row[width + 2 :]))
            for row in self._ask(f"SELECT {identity}, max(version) {where.format('')} GROUP BY {identity}"):
                highest[tuple(row[:width])] = int(row[width])
        return live, highest

    def letters(self, topic: str) -> dict[tuple[int, int, str], str]:
        """The ids of the dead letters of a topic's records, by partition, offset and stage."""
        rows = self._ask(
            f"SELECT {', '.join(LETTER)}, toString(id) FROM {self._database}.{DEAD_LETTERS.name} FINAL "
            f"WHERE topic = {literal(topic)}"
        )
        return {(int(partition), int(offset), stage): number for partition, offset, stage, number in rows}

    def contents(self, table: Table, rows: Mapping[Identity, Row]) -> dict[Identity, str]:
        """The hash of what each row would say in the table, as `known` has it."""
        columns = ", ".join(f"`{column.name}` {column.type}" for column in table.columns if column.name not in _STORED)
        hashes: dict[Identity, str] = {}
        for batch in self._batches(rows):
            lines = b"\n".join(b'{"n":%d,%b' % (number, _whole(row)[1:]) for number, (_, row) in enumerate(batch))
            answer = self._ask(
                f"SELECT n, toString(cityHash64(toString(tuple({content_of(table)})))) "
                f"FROM format(JSONEachRow, {literal(f'n UInt32, {columns}')}, {literal(lines.decode())})"
            )
            hashes |= {batch[number][0]: content for number, content in answer}
        return hashes

    def _batches(self, rows: Mapping[Identity, Row]) -> Iterator[list[tuple[Identity, Row]]]:
        batch: list[tuple[Identity, Row]] = []
        size = 0
        for identity, row in rows.items():
            batch.append((identity, row))
            size += len(row.line) + len(row.document or b"")
            if size > _BYTES_AT_ONCE or len(batch) >= _AT_ONCE:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def tutorials_of_runs(self, runs: Collection[str]) -> set[str]:
        """The tutorials on which anonymous runs have something."""
        return {
            str(asset)
            for some in _some(sorted(runs), _AT_ONCE)
            for table in (EVENTS, STUDENT_DAY)
            for (asset,) in self._ask(
                f"SELECT DISTINCT toString(asset_slug) FROM {self._database}.{table.name} "
                f"WHERE actor IN ({', '.join(literal(ANONYMOUS + run) for run in some)})"
            )
        }

    def delete_claims(self, claims: Iterable[Identity]) -> None:
        """Delete claims, whose table has no column that takes a row back."""
        for some in _some(claims, _AT_ONCE):
            pairs = ", ".join(f"({literal(run)}, {literal(actor)})" for run, actor in some)
            self._client.command(
                f"ALTER TABLE {self._database}.{CLAIMS.name} {self._installation.on_cluster} "
                f"DELETE WHERE (telemetry_id, actor) IN ({pairs})",
                settings={**_SETTINGS, "mutations_sync": 2},
            )


def _whole(row: Row) -> bytes:
    if row.document is None:
        return row.line
    return orjson.dumps({**row.columns, "document": row.document.decode()})
