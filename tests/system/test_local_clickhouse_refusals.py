"""Inserts that the local ClickHouse cannot store are errors with ClickHouse's code, never a false success."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

pytestmark = pytest.mark.system

REFUSALS = {
    "no-space": ("min_free_disk_bytes_to_perform_insert = 1000000000000000", b'{"n":1}', 243),
    "too-many-parts": ("parts_to_throw_insert = 1", b'{"n":1}', 252),
    "constraint": ("index_granularity = 8192", b'{"n":7}', 469),
    "flag": ("index_granularity = 8192", b'{"n":1,"deleted":300}', 117),
    "not-text": ("index_granularity = 8192", b'{"n":"\xff\xfe"}', 27),
}


@pytest.mark.parametrize(("setting", "row", "code"), REFUSALS.values(), ids=REFUSALS)
def test_what_a_table_refuses_is_an_error(
    setting: str, row: bytes, code: int, clickhouse: Client, database: str
) -> None:
    """Full disks, limits, constraints and bad values answer with their code, and nothing is stored."""
    clickhouse.command(f"CREATE DATABASE {database}")
    clickhouse.command(
        f"CREATE TABLE {database}.t (n UInt64, deleted UInt8, CONSTRAINT small CHECK n < 5) "
        f"ENGINE = ReplacingMergeTree(n, deleted) ORDER BY n SETTINGS {setting}"
    )
    if code == 252:
        clickhouse.command(f"INSERT INTO {database}.t (n) VALUES (0)")
    with pytest.raises(DatabaseError) as raised:
        clickhouse.raw_insert(f"{database}.t", None, row, settings={"async_insert": 0}, fmt="JSONEachRow")

    assert raised.value.code == code
    assert clickhouse.command(f"SELECT count() FROM {database}.t WHERE n > 0") == 0


def test_settings_of_the_statement_are_taken(clickhouse: Client, database: str) -> None:
    """A SETTINGS clause before the data counts, as it does on a server."""
    clickhouse.command(f"CREATE DATABASE {database}")
    clickhouse.command(f"CREATE TABLE {database}.settings (n UInt64) ENGINE = MergeTree ORDER BY n")
    lenient = f"INSERT INTO {database}.settings SETTINGS input_format_skip_unknown_fields = 1 FORMAT JSONEachRow"
    strict = f"INSERT INTO {database}.settings (n) SETTINGS input_format_skip_unknown_fields = 0 FORMAT JSONEachRow"
    clickhouse.command(lenient, data=b'{"n":1,"m":2}')
    with pytest.raises(DatabaseError, match="Unknown field"):
        clickhouse.command(strict, data=b'{"n":1,"m":2}')

    assert clickhouse.command(f"SELECT count() FROM {database}.settings") == 1
