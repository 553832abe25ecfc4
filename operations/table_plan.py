"""What `setup` would do to databases, tables and views, found by asking ClickHouse and changing nothing."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from operations.retention import as_tables_keep
from operations.table_setup import changes, live_generation
from sinks.clickhouse import connect
from sinks.table_fit import check_tables, made_tables
from sinks.templates import Installation, statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings

__all__ = ["plan_tables"]

_TABLE: Final = re.compile(r"CREATE TABLE IF NOT EXISTS (\S+)")
_VIEW: Final = re.compile(r"CREATE OR REPLACE VIEW (\S+)")
# What `setup` says that it has done, and what a plan says of it.
_TENSES: Final = (
    (re.compile(r"^Added "), "Add "),
    (re.compile(r"^Described "), "Describe "),
    (re.compile(r"^(\S+) (keep|remember)s "), r"Let \1 \2 "),
)
# Where a view is defined, and by whom.
_OF_A_SERVER: Final = re.compile(r" ON CLUSTER \S+| DEFINER = \S+|`")


def plan_tables(settings: Settings) -> list[str]:
    """What `operations.table_setup.setup_tables` would do, a line each; raises as it does."""
    with contextlib.closing(connect(settings)) as client:
        settings = as_tables_keep(client, settings, live_generation(client, settings.database))
        installation = Installation.of(settings)
        check_tables(client, installation, whole=False)
        made = made_tables(client, installation)
        names = (found[1] for _, text in statements(installation, "tables") if (found := _TABLE.match(text)))
        planned = [f"Create table {name}" for name in names if name not in made]
        planned += [_future(told) for _, told in changes(client, installation)]
        live = live_generation(client, installation.public) or installation.generation
        return [*planned, *_views(client, replace(installation, generation=live))]


def _future(told: str) -> str:
    for past, future in _TENSES:
        told = past.sub(future, told)
    return told


def _views(client: Client, installation: Installation) -> Iterator[str]:
    """The public views that are missing, or not as they are made over the installation's generation."""
    rows = client.query(
        "SELECT concat(database, '.', name), create_table_query FROM system.tables "
        "WHERE database = {database:String} AND engine = 'View'",
        parameters={"database": installation.public},
    ).result_rows
    there = {str(name): _plain(str(query)) for name, query in rows}
    for _, text in statements(installation, "views"):
        if (found := _VIEW.match(text)) is None:
            continue
        asked = client.query("SELECT formatQuerySingleLine({text:String})", parameters={"text": text})
        wanted = str(asked.result_rows[0][0]).replace("CREATE OR REPLACE VIEW", "CREATE VIEW", 1)
        if there.get(found[1]) != _plain(wanted):
            yield f"{'Replace' if found[1] in there else 'Create'} view {found[1]}"


def _plain(query: str) -> str:
    return " ".join(_OF_A_SERVER.sub("", query).split())
