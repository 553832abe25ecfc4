"""How many rows there are: exact whatever is stored, taken back or claimed, and counted once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from operations.clickhouse import connected
from operations.row_counts import COUNTED, RowCounts
from operations.table_setup import publish, setup_tables
from tests.support.sink import fact, insert, outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client
    from clickhouse_connect.driver.query import QueryResult

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system


class Listening:
    """ClickHouse's client, and the tables whose rows it was asked to count."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.command = client.command
        self.counted: list[str] = []

    def query(self, sql: str, **more: Any) -> QueryResult:
        """As the client's."""
        self.counted += [table for table in COUNTED if f"SELECT '{table}'" in sql]
        return self.client.query(sql, **more)


@pytest.fixture
def installed(settings: SettingsFactory) -> Settings:
    """Empty tables."""
    made = settings()
    setup_tables(made)
    return made


@pytest.fixture
def asked(installed: Settings) -> Iterator[Any]:
    """A client that tells what was counted."""
    with contextlib.closing(connected(installed)) as client:
        yield Listening(client)


def test_a_table_that_does_not_change_is_counted_once(installed: Settings, asked: Any) -> None:
    """One that does, and facts that somebody claims, are counted anew; and so are a generation's when it is live."""
    counts, public = RowCounts(), installed.database
    insert(asked.client, f"{public}_g1.events", [fact(1), fact(2, actor="telemetry:run", user_id=None)])
    assert counts.count(asked, public).rows["events"] == 2
    assert sorted(asked.counted) == sorted(COUNTED)

    asked.counted.clear()
    assert counts.count(asked, public).rows["events"] == 2
    assert asked.counted == []
    insert(asked.client, f"{public}_g1.claims", [{"telemetry_id": "run", "actor": "7", "version": 1}])
    assert counts.count(asked, public).rows["events"] == 1
    insert(asked.client, f"{public}_g1.webhooks", [outcome(5)])
    assert counts.count(asked, public).rows["webhooks"] == 1
    assert asked.counted == ["events", "webhooks"]
    assert counts.count(asked, public).last_error is None
    insert(asked.client, f"{public}_g1.webhooks", [outcome(6, status="ERROR", status_text="why")])
    refused = counts.count(asked, public).last_error
    assert refused is not None
    assert (refused["webhook"], refused["text"]) == ("6", "why")
    assert counts.count(asked, public).last_error == refused
    insert(asked.client, f"{public}_g1.webhooks", [outcome(6, status="DONE", version=90)])
    assert counts.count(asked, public).last_error is None
    other = installed.model_copy(update={"generation": 2})
    setup_tables(other)
    publish(asked.client, installed, 2)
    assert counts.count(asked, public) == (dict.fromkeys(COUNTED, 0), None)


def test_what_stands_still_is_counted_ahead(installed: Settings, asked: Any) -> None:
    """At the second look, and not while it changes between two; whoever asks then waits for none of it."""
    counts, public = RowCounts(), installed.database
    counts.count_what_stands(asked, public)
    assert asked.counted == []
    insert(asked.client, f"{public}_g1.events", [fact(1)])
    counts.count_what_stands(asked, public)
    assert sorted(asked.counted) == sorted(set(COUNTED) - {"events"})
    counts.count_what_stands(asked, public)
    counts.count_what_stands(asked, public)
    assert sorted(asked.counted) == sorted(COUNTED)

    assert counts.count(asked, public).rows["events"] == 1
    assert len(asked.counted) == len(COUNTED)
