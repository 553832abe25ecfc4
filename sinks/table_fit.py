"""Whether the tables that there are fit what sinks put into them: schemas.wire.rows, and formats that are known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from schemas.sql import column_definition
from schemas.wire.formats import require_known
from schemas.wire.rows import TABLES
from sinks.errors import SchemaMismatchError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from schemas.wire.rows import Table
    from sinks.templates import Installation

__all__ = ["check_tables", "made_columns", "made_tables", "require_known_tables"]

_FORMAT: Final = re.compile(r"\(format (\d+)(?:, release ([^)]+))?\)$")


def check_tables(
    client: Client, installation: Installation, tables: tuple[Table, ...] = TABLES, *, whole: bool = True
) -> None:
    """Hold the tables to schemas.wire.rows; raises SchemaMismatchError with what mends the first difference.

    Raises NewerFormatError as `require_known_tables`. Without `whole` only types are looked at, of what there is.
    """
    require_known_tables(client, installation)
    columns = made_columns(client, installation)
    for table in tables:
        name = installation.full_name(table.name)
        if name not in columns:
            if not whole:
                continue
            raise SchemaMismatchError(name, "does not exist", "learnpack-telemetry setup")
        for column in table.columns:
            kind, _ = columns[name].get(column.name, ("", ""))
            if kind != column.type and (kind or whole):
                problem = (
                    f"has {column.name} as {kind}, not {column.type}" if kind else f"lacks the column {column.name}"
                )
                change = f"{'MODIFY' if kind else 'ADD'} COLUMN {column_definition(column)}"
                raise SchemaMismatchError(name, problem, installation.alter(table.name, change))


def require_known_tables(client: Client, installation: Installation) -> None:
    """Raise NewerFormatError for the first table of a newer release."""
    made = made_tables(client, installation)
    for table in TABLES:
        name = installation.full_name(table.name)
        if noted := _FORMAT.search(made.get(name, ("", ""))[1]):
            require_known(f"the table {name}", int(noted[1]), table.format, noted[2] or "")


def made_tables(client: Client, installation: Installation) -> dict[str, tuple[str, str]]:
    """The tables that there are, each with its engine and settings, and its comment; no views."""
    rows = client.query(
        "SELECT concat(database, '.', name), engine_full, comment FROM system.tables "
        "WHERE database IN {databases:Array(String)} AND engine != 'View'",
        parameters={"databases": [installation.public, installation.derived]},
    ).result_rows
    return {str(name): (str(engine), str(comment)) for name, engine, comment in rows}


def made_columns(client: Client, installation: Installation) -> dict[str, dict[str, tuple[str, str]]]:
    """Each table's columns, with type and comment."""
    rows = client.query(
        "SELECT concat(database, '.', table), name, type, comment FROM system.columns "
        "WHERE database IN {databases:Array(String)}",
        parameters={"databases": [installation.public, installation.derived]},
    ).result_rows
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for table, name, kind, comment in rows:
        found.setdefault(table, {})[name] = kind, comment
    return found
