"""How long tables keep rows, held to a real installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from operations.table_plan import plan_tables
from operations.table_setup import setup_tables
from schemas.setting_types import MOST_DAYS

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system


def test_a_default_shortens_no_table(settings: SettingsFactory) -> None:
    """Tables that keep more than the defaults stay so for whoever has set nothing, with all that says how long."""
    setup_tables(settings(webhook_retention_days=4000, raw_retention_days=4000))

    assert setup_tables(settings()) == []
    assert plan_tables(settings()) == []


def test_the_most_days_remove_no_row(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """Of whatever time, though ClickHouse's times end in 2106; a table that goes beyond that is mended."""
    most = settings(raw_retention_days=MOST_DAYS, webhook_retention_days=MOST_DAYS)
    setup_tables(most)
    tables = {f"{database}.raw": "received_at", f"{database}_g1.webhooks": "created_at"}
    for name, column in tables.items():
        old = f"MODIFY TTL toDateTime({column}) + INTERVAL 36500 DAY SETTINGS materialize_ttl_after_modify = 0"
        clickhouse.command(f"ALTER TABLE {name} {old}")
    assert setup_tables(settings()) == [f"{database}.raw keeps 20000 days", f"{database}_g1.webhooks keeps 20002 days"]

    for name, column in tables.items():
        clickhouse.command(
            f"INSERT INTO {name} (id, {column}) VALUES (1, now64(3)), (2, '2200-01-01 00:00:00'), (3, '2049-12-31')"
        )
        clickhouse.command(f"OPTIMIZE TABLE {name} FINAL")
        assert clickhouse.command(f"SELECT count() FROM {name}") == 3
    assert clickhouse.command(f"SELECT count() FROM {database}.webhook_log WHERE id = 1") == 1


def test_tables_of_before_keep_rows_of_far_ahead(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """Their rows expire as those of new tables do."""
    setup_tables(settings())
    clickhouse.command(f"ALTER TABLE {database}.raw MODIFY TTL toDateTime(received_at) + INTERVAL 365 DAY")

    assert setup_tables(settings()) == [f"{database}.raw keeps rows of far ahead"]
    assert setup_tables(settings()) == []
