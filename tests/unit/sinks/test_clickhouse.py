"""What every insert demands of ClickHouse."""

from __future__ import annotations

from sinks.clickhouse import insert_settings


def test_one_block_one_token() -> None:
    """The settings of an insert name its token and leave ClickHouse no reason to split or to defer it."""
    settings = insert_settings("block")

    assert (
        settings["insert_deduplication_token"],
        settings["async_insert"],
        settings["input_format_parallel_parsing"],
    ) == ("block", 0, 0)
