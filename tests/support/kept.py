"""Everything that a system keeps: what its tables hold as text, and its topics."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.chaos.kafka import admin

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings

__all__ = ["texts_of", "topics_of"]


def texts_of(clickhouse: Client, place: Settings) -> dict[str, str]:
    """Everything in the tables, as text by column."""
    columns = clickhouse.query(
        "SELECT database, table, name FROM system.columns WHERE database IN {names:Array(String)} AND table IN"
        " (SELECT name FROM system.tables WHERE database IN {names:Array(String)} AND engine LIKE '%MergeTree')",
        parameters={"names": [place.database, f"{place.database}_g1"]},
    ).result_rows
    return {
        f"{table}.{name}": str(clickhouse.query(f"SELECT `{name}` FROM {database}.{table}").result_rows)
        for database, table, name in columns
    }


def topics_of(place: Settings) -> dict[str, int]:
    """Every topic of this system and its partitions."""

    async def find() -> dict[str, int]:
        async with admin(place.kafka) as client:
            names = [name for name in await client.list_topics() if name.startswith(place.topic_prefix)]
            return {one["topic"]: len(one["partitions"]) for one in await client.describe_topics(names)}

    return asyncio.run(find())
