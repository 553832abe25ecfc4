"""What analysts read of the real tables by their own user, and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.clickhouse.access import Analyst
from schemas.settings import Settings
from sinks.roles import analyst_grants, role_statements
from sinks.setup import setup_tables
from sinks.templates import Installation
from tests.support.questions import PAGE, questions

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

pytestmark = pytest.mark.system

NOTEBOOKS: Final = PAGE.with_name("notebooks.md")
HIDDEN: Final = (
    "SELECT payload FROM telemetry.raw",
    "SELECT headers FROM telemetry.raw",
    "SELECT payload FROM telemetry.webhook_log",
    "SELECT document FROM telemetry.telemetry",
    "SELECT overlay FROM telemetry.scores",
    "SELECT value FROM telemetry.dead_letters",
    "SELECT reason FROM telemetry.dead_letters",
    "SELECT document FROM telemetry_g1.telemetry",
    "SELECT count() FROM telemetry_g1.events",
    "ALTER TABLE telemetry.raw DELETE WHERE 1",
)
VIEWS: Final = ("events", "student_day", "asset_daily", "claims", "ledger", "webhook_health", "step_funnel")


def test_analysts_read_all_but_bodies_and_documents(tmp_path: Path) -> None:
    """Every question of the pages is answered to the analyst's user; no column with what clients wrote is."""
    grants = tuple(analyst_grants(Installation("telemetry", 1)))
    with ClickHouseServer(tmp_path, user="t", password="p", analyst=Analyst("a", "q", grants)) as server:
        setup_tables(Settings(_env_file=None, clickhouse=server.url))
        analyst: Client = clickhouse_connect.get_client(dsn=server.analyst_url, autogenerate_session_id=False)
        for view in (*VIEWS, "struggling_students", "live_generation"):
            analyst.query(f"SELECT * FROM telemetry.{view}")
        analyst.query("SELECT id, key, received_at FROM telemetry.raw")
        analyst.query("SELECT id, status_text, verdict FROM telemetry.webhook_log")
        analyst.query("SELECT actor, engagement_score, metrics FROM telemetry.scores")
        for question in (*questions(), *questions(NOTEBOOKS)):
            analyst.query(question.sql)
        analyst.query("SELECT properties.agent FROM telemetry.events")
        for query in HIDDEN:
            with pytest.raises(DatabaseError, match=r"ACCESS_DENIED|READONLY"):
                analyst.query(query)
        analyst.close()


def test_the_role_for_clusters_has_the_same_grants() -> None:
    """Each grant names the role, and the cluster where there is one."""
    installation = Installation("telemetry", 1, cluster="main")
    statements = role_statements(installation)

    assert len(statements) == len(analyst_grants(installation)) + 2
    assert all("ON CLUSTER 'main'" in one for one in statements)
    assert all(one.endswith(" TO telemetry_analyst") for one in statements if one.startswith("GRANT"))
    assert sorted(one.partition(" ON telemetry.")[2].split()[0] for one in statements if "SELECT(" in one) == [
        "dead_letters",
        "raw",
        "scores",
        "telemetry",
        "webhook_log",
    ]
