"""Creating and upgrading the tables; safe to run at any time, any number of times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.wire.rows import GENERATION_TABLES, RAW, TABLES
from sinks.clickhouse import connect
from sinks.errors import SchemaMismatchError
from sinks.templates import KEEP_EMPTY_PARTS, Installation, column_definition, quoted, statements

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from schemas.wire.rows import Table

__all__ = ["check_tables", "live_generation", "publish", "setup_tables"]


def setup_tables(settings: Settings) -> list[str]:
    """Create what is missing and upgrade what is old, then point the views; returns what was done, a line each.

    1. Databases and tables of `settings.generation`, and `raw`. 2. Columns that a table lacks, texts of comments, what
    becomes of empty parts, retention. 3. The views: over the live generation if there is one (setting up a replay's
    tables must not swap), else over this one. Raises SchemaMismatchError where a column has another type, and what
    `connect` raises.
    """
    installation = Installation.of(settings)
    client = connect(settings)
    try:
        done = _create(client, installation)
        done += _upgrade(client, installation)
        live = live_generation(client, installation.public)
        done += publish(client, settings, live or installation.generation)
    finally:
        client.close()
    return done


def live_generation(client: Client, public: str) -> int | None:
    """The generation that the public views read, or None before the first setup."""
    exists = client.command(
        "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'live_generation'",
        parameters={"database": public},
    )
    if not exists:
        return None
    found = client.command("SELECT generation FROM {public:Identifier}.live_generation", parameters={"public": public})
    return int(str(found))


def publish(client: Client, settings: Settings, generation: int) -> list[str]:
    """Point every public view at a generation's tables, `live_generation` last; returns what was done.

    Each view is replaced at once, all of them are not: whoever swaps journals it and calls this again after a crash.
    """
    installation = Installation.of(settings.model_copy(update={"generation": generation}))
    before = live_generation(client, installation.public)
    for _, statement in statements(installation, "views"):
        client.command(statement)
    if before == generation:
        return []
    return [f"Views in {installation.public} read generation {generation}"]


def check_tables(client: Client, installation: Installation, tables: tuple[Table, ...] = TABLES) -> None:
    """Hold the tables to schemas.wire.rows; raises SchemaMismatchError with what mends the first difference."""
    for table in tables:
        database = installation.database_of(table.name)
        found = _columns(client, database, table.name)
        full = f"{database}.{table.name}"
        if not found:
            raise SchemaMismatchError(full, "does not exist", "learnpack-telemetry setup")
        for column in table.columns:
            if column.name not in found:
                remedy = f"ALTER TABLE {full} {installation.on_cluster} ADD COLUMN {column_definition(column)}"
                raise SchemaMismatchError(full, f"lacks the column {column.name}", " ".join(remedy.split()))
            kind, _ = found[column.name]
            if kind != column.type:
                remedy = f"ALTER TABLE {full} {installation.on_cluster} MODIFY COLUMN {column_definition(column)}"
                problem = f"has {column.name} as {kind}, not {column.type}"
                raise SchemaMismatchError(full, problem, " ".join(remedy.split()))


def _create(client: Client, installation: Installation) -> list[str]:
    before = _tables(client, installation)
    for _, statement in statements(installation, "tables"):
        client.command(statement)
    return [f"Created {database}.{name}" for database, name in sorted(_tables(client, installation) - before)]


def _upgrade(client: Client, installation: Installation) -> list[str]:
    done: list[str] = []
    for table in (RAW, *GENERATION_TABLES):
        database = installation.database_of(table.name)
        target = f"{database}.{table.name} {installation.on_cluster}"
        found = _columns(client, database, table.name)
        for place, column in enumerate(table.columns):
            if column.name not in found:
                after = f"AFTER `{table.columns[place - 1].name}`" if place else "FIRST"
                client.command(f"ALTER TABLE {target} ADD COLUMN IF NOT EXISTS {column_definition(column)} {after}")
                done.append(f"Added {database}.{table.name}.{column.name}")
            elif found[column.name][1] != column.comment:
                client.command(f"ALTER TABLE {target} COMMENT COLUMN `{column.name}` '{quoted(column.comment)}'")
                done.append(f"Described {database}.{table.name}.{column.name}")
        if KEEP_EMPTY_PARTS not in _engine(client, database, table.name):
            client.command(f"ALTER TABLE {target} MODIFY SETTING {KEEP_EMPTY_PARTS}")
            done.append(f"{database}.{table.name} remembers the blocks of empty parts")
    done += _retain(client, installation, "raw", "received_at", installation.raw_days)
    done += _retain(client, installation, "webhooks", "created_at", installation.webhook_table_days)
    check_tables(client, installation)
    return done


def _retain(client: Client, installation: Installation, table: str, column: str, days: int) -> list[str]:
    database = installation.database_of(table)
    if f"toIntervalDay({days})" in _engine(client, database, table):
        return []
    client.command(
        f"ALTER TABLE {database}.{table} {installation.on_cluster} "
        f"MODIFY TTL toDateTime({column}) + INTERVAL {days} DAY"
    )
    return [f"{database}.{table} keeps {days} days"]


def _engine(client: Client, database: str, table: str) -> str:
    found = client.command(
        "SELECT engine_full FROM system.tables WHERE database = {database:String} AND name = {table:String}",
        parameters={"database": database, "table": table},
    )
    return str(found)


def _tables(client: Client, installation: Installation) -> set[tuple[str, str]]:
    rows = client.query(
        "SELECT database, name FROM system.tables WHERE database IN {databases:Array(String)} AND engine != 'View'",
        parameters={"databases": [installation.public, installation.derived]},
    ).result_rows
    return {(str(database), str(name)) for database, name in rows}


def _columns(client: Client, database: str, table: str) -> dict[str, tuple[str, str]]:
    rows = client.query(
        "SELECT name, type, comment FROM system.columns WHERE database = {database:String} AND table = {table:String}",
        parameters={"database": database, "table": table},
    ).result_rows
    return {str(name): (str(kind), str(comment)) for name, kind, comment in rows}
