"""Deleting a person's rows for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from operations.forgetting.found import count

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from operations.forgetting.found import Found

__all__ = ["delete"]

# Deleted when every replica has rewritten its parts: nothing of the rows is on disk then.
_AT_ONCE: Final = {"mutations_sync": 2}


def delete(client: Client, on_cluster: str, found: Found, deleted: dict[str, int]) -> int:
    """Delete every row that there is now and add to `deleted` by table; how many. Raises ClickHouse's errors."""
    rows = 0
    for condition in found.conditions:
        if number := count(client, condition):
            statement = f"ALTER TABLE {condition.table} {on_cluster} DELETE WHERE {condition.where}"
            client.command(statement, parameters=condition.parameters, settings=_AT_ONCE)
            deleted[condition.table] = deleted.get(condition.table, 0) + number
            rows += number
    return rows
