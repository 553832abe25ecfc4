"""Creating and upgrading the tables; safe to run at any time, any number of times."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from operations.retention import as_tables_keep
from schemas.sql import column_definition, literal, table_comment
from schemas.wire.rows import RAW, TABLES, WEBHOOKS
from sinks.clickhouse import connect
from sinks.table_fit import check_tables, made_columns, made_tables, require_known_tables
from sinks.templates import KEEP_EMPTY_PARTS, LATEST, Installation, statements, ttl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings

__all__ = ["changes", "live_generation", "publish", "setup_tables"]


def setup_tables(settings: Settings) -> list[str]:
    """Create what is missing and upgrade what is old, then point the views; returns what was done, a line each.

    1. Databases and tables of `settings.generation`, and `raw`. 2. Columns that a table lacks, texts of comments, what
    becomes of empty parts, retention. 3. The views: over the live generation if there is one (setting up a replay's
    tables must not swap), else over this one. Raises SchemaMismatchError where a column has another type, what
    `connect` raises, and NewerFormatError, before anything is done, where a table is of a newer release.
    """
    with contextlib.closing(connect(settings)) as client:
        require_known_tables(client, Installation.of(settings))
        settings = as_tables_keep(client, settings, live_generation(client, settings.database))
        installation = Installation.of(settings)
        done = _create(client, installation)
        for statement, what in changes(client, installation):
            client.command(statement)
            done.append(what)
        check_tables(client, installation)
        live = live_generation(client, installation.public)
        return done + publish(client, settings, live or installation.generation)


def live_generation(client: Client, public: str) -> int | None:
    """The generation that the public views read, or None before the first setup."""
    parameters = {"public": public}
    if not client.command("EXISTS {public:Identifier}.live_generation", parameters=parameters):
        return None
    return int(str(client.command("SELECT generation FROM {public:Identifier}.live_generation", parameters=parameters)))


def publish(client: Client, settings: Settings, generation: int) -> list[str]:
    """Point every public view at a generation's tables, `live_generation` last; returns what was done.

    Each view is replaced at once, all of them are not: whoever swaps journals it and calls this again after a crash.
    """
    chosen = as_tables_keep(client, settings, generation).model_copy(update={"generation": generation})
    installation = Installation.of(chosen)
    before = live_generation(client, installation.public)
    for _, statement in statements(installation, "views"):
        client.command(statement)
    return [] if before == generation else [f"Views in {installation.public} read generation {generation}"]


def _create(client: Client, installation: Installation) -> list[str]:
    before = made_tables(client, installation)
    for _, statement in statements(installation, "tables"):
        client.command(statement)
    return [f"Created {name}" for name in sorted(made_tables(client, installation).keys() - before)]


def changes(client: Client, installation: Installation) -> Iterator[tuple[str, str]]:
    """The statements that make the tables that there are what new ones would be, each with what it does."""
    columns, made = made_columns(client, installation), made_tables(client, installation)
    for table in TABLES:
        name = installation.full_name(table.name)
        if name not in made:
            continue
        for place, column in enumerate(table.columns):
            _, comment = columns[name].get(column.name, ("", None))
            if comment is None:
                after = f"AFTER `{table.columns[place - 1].name}`" if place else "FIRST"
                change = f"ADD COLUMN IF NOT EXISTS {column_definition(column)} {after}"
                yield installation.alter(table.name, change), f"Added {name}.{column.name}"
            elif comment != column.comment:
                change = f"COMMENT COLUMN `{column.name}` {literal(column.comment)}"
                yield installation.alter(table.name, change), f"Described {name}.{column.name}"
        if made[name][1] != (comment_of_table := table_comment(table)):
            change = f"MODIFY COMMENT {literal(comment_of_table)}"
            yield installation.alter(table.name, change), f"Described {name}"
        if KEEP_EMPTY_PARTS not in made[name][0]:
            change = f"MODIFY SETTING {KEEP_EMPTY_PARTS}"
            yield installation.alter(table.name, change), f"{name} remembers the blocks of empty parts"
    yield from _kept_days(installation, made)


def _kept_days(installation: Installation, made: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str]]:
    kept = (
        (RAW.name, "received_at", installation.raw_days),
        (WEBHOOKS.name, "created_at", installation.webhook_table_days),
    )
    for of_table, time, days in kept:
        name = installation.full_name(of_table)
        if name not in made:
            continue
        change = f"MODIFY TTL {ttl(time, days)}"
        if f"toIntervalDay({days})" not in made[name][0]:
            yield installation.alter(of_table, change), f"{name} keeps {days} days"
        elif LATEST not in made[name][0]:
            # Parts are not written anew for it.
            change += " SETTINGS materialize_ttl_after_modify = 0"
            yield installation.alter(of_table, change), f"{name} keeps rows of far ahead"
