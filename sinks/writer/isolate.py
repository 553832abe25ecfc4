"""Finding the rows that ClickHouse refuses, by trying where trying has no effect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from sinks.clickhouse import Failure, failure_of, one_line
from sinks.errors import SchemaMismatchError
from sinks.templates import column_definition, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clickhouse_connect.driver.client import Client

    from schemas.wire.rows import Table
    from sinks.templates import Installation

__all__ = ["refused_lines", "unknown_field"]

# What the server says of a row that it cannot parse, counted from 1, after it has quoted what may be anything.
_ROW: Final = re.compile(r"\(at row (\d+)\)")


def _structure(table: Table) -> str:
    # MergeTree refuses other numbers than 0 and 1 in the column that takes rows back, parsing alone would not.
    return ", ".join(
        f"`{column.name}` {'Bool' if column.name == 'deleted' else column.type}" for column in table.columns
    )


def refused_lines(client: Client, table: Table, lines: Sequence[bytes], most: int) -> dict[int, str]:
    """The indexes of lines that the table would refuse, each with ClickHouse's reason; stores nothing.

    All of them, or `most`; where a line holds no or several rows maybe fewer, but one where there is any. Raises what
    the client raises for anything but a refused row.
    """
    statement = f"INSERT INTO FUNCTION null('{quoted(_structure(table))}') FORMAT JSONEachRow"
    settings = {"input_format_parallel_parsing": 0, "input_format_skip_unknown_fields": 0, "async_insert": 0}

    def error_of(first: int, end: int) -> Exception | None:
        try:
            client.command(statement, data=b"\n".join(lines[first:end]), settings=settings)
        except Exception as error:
            if failure_of(error) is not Failure.DATA:
                raise
            return error
        return None

    refused: dict[int, str] = {}
    spans = [(0, len(lines))]
    while spans and len(refused) < most:
        first, end = spans.pop()
        if first == end or (error := error_of(first, end)) is None:
            continue
        if end - first == 1:
            refused[first] = one_line(error)
        # By itself it gets a reason that quotes no other line, and may turn out not to be the one.
        elif (named := _named(error, first, end)) is not None and (own := error_of(named, named + 1)) is not None:
            refused[named] = one_line(own)
            spans.append((named + 1, end))
        else:
            middle = (first + end) // 2
            spans += [(middle, end), (first, middle)]
    return refused


def _named(error: Exception, first: int, end: int) -> int | None:
    """The index of the line between these at which the server stopped, if it says so: those before it are fine."""
    rows = _ROW.findall(str(error))
    index = first + int(rows[-1]) - 1 if rows else -1
    return index if first <= index < end else None


def unknown_field(installation: Installation, table: Table, lines: Sequence[bytes]) -> SchemaMismatchError | None:
    """The error to stop with if every line has a field that the table does not know: the worker is newer than it."""
    common: set[str] | None = None
    for line in lines:
        try:
            row: Any = orjson.loads(line)
        except orjson.JSONDecodeError:
            return None
        fields = set(row) if type(row) is dict else set()
        common = (fields if common is None else common & fields) - set(table.names)
        if not common:
            return None
    unknown = sorted(common or ())
    if not unknown:
        return None
    known = {column.name: column for column in table.columns}
    column = known.get(unknown[0])
    definition = column_definition(column) if column else f"`{unknown[0]}` Nullable(String)"
    full = f"{installation.database_of(table.name)}.{table.name}"
    remedy = " ".join(f"ALTER TABLE {full} {installation.on_cluster} ADD COLUMN {definition}".split())
    return SchemaMismatchError(full, f"lacks the column {unknown[0]} that the rows have", remedy)
