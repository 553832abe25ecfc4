"""What Grafana's dashboards ask of ClickHouse, answered to an analyst."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import pytest

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.clickhouse.access import Analyst
from operations.roles import analyst_grants
from operations.table_setup import setup_tables
from schemas.settings import Settings
from sinks.templates import Installation
from tests.support.dashboards import boards, expanded_sql, panels, variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

pytestmark = pytest.mark.system


def named_columns(panel: Mapping[str, Any]) -> set[str]:
    """The columns of an answer by which a panel is told how to show it."""
    config, named = panel["fieldConfig"], set()
    for override in config["overrides"]:
        named.add(override["matcher"]["options"])
    for transformation in panel.get("transformations", ()):
        named.update(transformation["options"].get("include", {}).get("names", ()))
    return named | {panel.get("options", {}).get("xField")} - {None}


@contextlib.contextmanager
def analyst_of(url: str) -> Iterator[Client]:
    """ClickHouse as Grafana's data source asks it: by its user, with a default database."""
    client = clickhouse_connect.get_client(dsn=url, database="telemetry", autogenerate_session_id=False)
    try:
        yield client
    finally:
        client.close()


def answered(client: Client, sql: str) -> list[str]:
    """The columns of an answer, also of one without rows."""
    return client.raw_query(sql, fmt="TabSeparatedWithNames").decode().partition("\n")[0].split("\t")


def test_analysts_may_ask_all_that_panels_ask(tmp_path: Path) -> None:
    """Every query and variable, before anything is stored; columns that a panel names are in the answer."""
    grants = tuple(analyst_grants(Installation("telemetry", 1)))
    with ClickHouseServer(tmp_path, user="t", password="p", analyst=Analyst("a", "q", grants)) as server:
        setup_tables(Settings(_env_file=None, clickhouse=server.url))
        with analyst_of(server.analyst_url) as client:
            for panel in panels():
                for sql in panel.sql:
                    assert named_columns(panel.raw) <= set(answered(client, expanded_sql(sql, "it's"))), panel
            for board in boards().values():
                for variable in variables(board).values():
                    if variable["type"] == "query":
                        assert len(answered(client, variable["query"])) == 1
