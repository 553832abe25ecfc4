"""Tables that another release has made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from operations.table_plan import plan_tables
from operations.table_setup import setup_tables
from schemas.wire.formats import NewerFormatError
from sinks.table_fit import check_tables
from sinks.templates import Installation

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system


def test_tables_of_a_newer_release_are_left_alone(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """Neither `setup` nor a sink of this one touches any of them: what else that release changed is not known."""
    setup_tables(settings())
    table = f"{database}_g1.scores"
    clickhouse.command(f"ALTER TABLE {table} MODIFY COMMENT 'Scores (format 2, release 0.9.0)'")
    clickhouse.command(f"ALTER TABLE {database}_g1.events DROP COLUMN error_type")

    for refused in (setup_tables, plan_tables):
        with pytest.raises(NewerFormatError, match=rf"the table {table}: .* format 2.*Use release 0\.9\.0"):
            refused(settings())
    with pytest.raises(NewerFormatError):
        check_tables(clickhouse, Installation.of(settings()))
    assert not clickhouse.command(
        "SELECT count() FROM system.columns WHERE database = {name:String} AND name = 'error_type'",
        parameters={"name": f"{database}_g1"},
    )


def test_tables_from_before_numbers_are_taken_over(
    settings: SettingsFactory, clickhouse: Client, database: str
) -> None:
    """They are of the first format; `setup` writes it down."""
    setup_tables(settings())
    clickhouse.command(f"ALTER TABLE {database}_g1.scores MODIFY COMMENT 'Scores'")
    check_tables(clickhouse, Installation.of(settings()))

    assert plan_tables(settings()) == [f"Describe {database}_g1.scores"]
    assert setup_tables(settings()) == [f"Described {database}_g1.scores"]
    assert setup_tables(settings()) == []
