"""Deleting a person's rows for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from operations.forgetting.found import count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clickhouse_connect.driver.client import Client

    from operations.forgetting.found import Condition

__all__ = ["delete"]

# Deleted when every replica has rewritten its parts: nothing of the rows is on disk then.
_AT_ONCE: Final = {"mutations_sync": 2}


def delete(client: Client, on_cluster: str, conditions: Iterable[Condition], deleted: dict[str, int]) -> int:
    """Delete every row that conditions tell now and add to `deleted` by table; how many. Raises ClickHouse's errors."""
    rows = 0
    for condition in conditions:
        every, told = count(client, condition)
        if every:
            statement = f"ALTER TABLE {condition.table} {on_cluster} DELETE WHERE {condition.where}"
            client.command(statement, parameters=condition.parameters, settings=_AT_ONCE)
            deleted[condition.table] = deleted.get(condition.table, 0) + told
            rows += every
    return rows
