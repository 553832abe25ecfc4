"""Erasing rows: whatever was deleted when it was interrupted, the next run finds the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from operations.forgetting.found import count, find
from operations.forgetting.person import Person
from operations.forgetting.rows import delete
from operations.table_setup import setup_tables
from schemas.wire.rows import RAW, TABLES

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system

# A user, a name that the directory no longer links, and a run that only other rows lead to.
OURS: Final[dict[str, list[dict[str, Any]]]] = {
    "events": [
        {"actor": "203", "user_id": 203, "telemetry_id": "streamed"},
        {"actor": "203", "user_id": 203, "telemetry_id": "shared", "item_id": 2},
        {"actor": "telemetry:claimed", "telemetry_id": "claimed"},
        {"actor": "telemetry:streamed", "telemetry_id": "streamed"},
        {"actor": "Juan", "user_id": 203},
    ],
    "scores": [{"actor": "203", "user_id": 203}, {"actor": "telemetry:claimed"}, {"actor": "Juan", "user_id": 203}],
    "student_day": [{"actor": "203", "user_id": 203}, {"actor": "telemetry:claimed"}],
    "telemetry": [{"actor": "203", "user_id": 203, "document": "Juan"}],
    "claims": [{"telemetry_id": "claimed", "actor": "203"}],
    "webhooks": [{"id": 1, "student_id": 203}, {"id": 2}, {"id": 3}, {"id": 4}, {"id": 5}],
    "dead_letters": [{"topic": "raw", "partition": 0, "offset": 5, "key": "203", "value": "{"}],
    "raw": [
        {"id": 1, "key": "203", "payload": '{"user_id": 203}'},
        {"id": 2, "key": "telemetry:claimed", "payload": '{"telemetry_id": "claimed"}'},
        {"id": 3, "key": "telemetry:streamed", "payload": '{"telemetry_id": "streamed"}'},
        {"id": 4, "key": "Juan", "source": "posthog", "payload": '{"event": "cell", "distinct_id": "Juan"}'},
        {"id": 5, "key": None, "payload": "no JSON"},
    ],
}
OTHERS: Final[dict[str, list[dict[str, Any]]]] = {
    "events": [
        {"actor": "9", "user_id": 9, "telemetry_id": "shared"},
        {"actor": "telemetry:shared", "telemetry_id": "shared"},
    ],
    "claims": [{"telemetry_id": "shared", "actor": "9"}],
    "webhooks": [{"id": 9, "student_id": 9}, {"id": 10}],
    "raw": [
        {"id": 9, "key": "9", "payload": '{"user_id": 9, "slug": "203"}'},
        {"id": 10, "key": "telemetry:shared", "payload": '{"telemetry_id": "shared"}'},
    ],
}


def fill(client: Client, place: Settings, rows: dict[str, list[dict[str, Any]]], version: int) -> None:
    """Insert rows; ClickHouse drops a block that it had before, so each time they have another version."""
    for table, some in rows.items():
        for row in some:
            full = f"{place.database}.raw" if table == RAW.name else f"{place.database}_g1.{table}"
            values = {**row, "version": version} | ({"received_at": datetime.now(UTC)} if table == RAW.name else {})
            client.insert(full, [list(values.values())], column_names=list(values))


def state(client: Client, place: Settings) -> dict[str, int]:
    """How many rows each table has."""
    full = {one.name: place.database if one is RAW else f"{place.database}_g1" for one in TABLES}
    return {name: int(str(client.command(f"SELECT count() FROM {base}.{name}"))) for name, base in full.items()}


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_after_some_steps_the_rest_is_found(settings: SettingsFactory, clickhouse: Client, share: float) -> None:
    """A run that made none, a part or all of its deletions leaves a rest, of which the next one leaves nothing."""
    place, others = with_others(settings(partitions=2), clickhouse)

    check(place, clickhouse, others, share, version=2)


@pytest.mark.long
def test_after_any_step_the_rest_is_found(settings: SettingsFactory, clickhouse: Client) -> None:
    """However many of its deletions a run made, the next one leaves exactly the rows of others."""
    place, others = with_others(settings(partitions=2), clickhouse)

    steps = check(place, clickhouse, others, 0, version=2)
    for made in range(1, steps + 1):
        check(place, clickhouse, others, made / steps, version=made + 2)


def with_others(place: Settings, client: Client) -> tuple[Settings, dict[str, int]]:
    """Tables that hold other people's rows, and how many each has."""
    setup_tables(place)
    fill(client, place, OTHERS, 1)
    return place, state(client, place)


def check(place: Settings, client: Client, others: dict[str, int], share: float, *, version: int) -> int:
    """Let a run be interrupted after a share of its deletions, and the next one run; returns how many there are."""
    person = Person("203", 203, frozenset(), frozenset())
    fill(client, place, OURS, version)
    found = find(client, place.database, "raw", person)
    assert set(found.actors) == {"203", "Juan", "telemetry:claimed", "telemetry:streamed"}
    assert found.rows[f"{place.database}.raw"] == 5
    steps = [condition for condition in found.conditions if count(client, condition)[0]]
    made = round(share * len(steps))
    deleted: dict[str, int] = {}

    delete(client, "", steps[:made], deleted)

    if made == len(steps):
        # What was shown before is what is deleted: no row was counted twice.
        assert deleted == {table: number for table, number in found.rows.items() if number}
    delete(client, "", find(client, place.database, "raw", person).conditions, {})
    assert state(client, place) == others, made
    return len(steps)
