"""What analysts read of the real tables by their own user, and what not; and what the parts' user may do."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.clickhouse.access import Analyst
from operations.roles import analyst_grants, role_statements
from schemas.settings import Settings
from sinks.setup import setup_tables
from sinks.templates import Installation
from tests.support.commands import command
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
# The engine gives a session the grants, as a server gives them to a role.
AS_APPLICATION: Final = """
import sys
from pathlib import Path
from deploy.local.clickhouse.access import ANALYST
from deploy.local.clickhouse.engine import Engine
from operations.roles import application_grants
from sinks.templates import Installation, statements

installation = Installation("telemetry", 2)
engine = Engine(Path(sys.argv[1]), {}, application_grants(installation))
session = engine.session(ANALYST)
for kind in ("tables", "views"):
    for _, statement in statements(installation, kind):
        session.run(statement.encode())
for statement in (
    "CREATE TABLE telemetry.raw_restore_x (a UInt8) ENGINE = MergeTree ORDER BY a",
    "INSERT INTO telemetry.raw_restore_x VALUES (1)",
    "INSERT INTO FUNCTION null('a UInt8') VALUES (1)",
    "ALTER TABLE telemetry.raw_restore_x ADD COLUMN b UInt8",
    "ALTER TABLE telemetry.raw_restore_x DELETE WHERE a = 2",
    "SELECT name FROM system.tables WHERE database = 'telemetry'",
):
    session.run(statement.encode())
print(session.rows("SELECT a FROM telemetry.raw_restore_x")[0][0])
for statement in (
    "TRUNCATE TABLE telemetry.raw_restore_x",
    "DROP TABLE telemetry.raw_restore_x",
    "DROP DATABASE telemetry_g2",
):
    session.run(statement.encode())
for statement in (
    "CREATE DATABASE other",
    "SELECT * FROM file('/etc/passwd', LineAsString)",
    "SELECT * FROM url('http://127.0.0.1:1', LineAsString)",
    "CREATE DATABASE telemetry_g3 ENGINE = Filesystem('/')",
    "CREATE USER other",
    "CREATE FUNCTION f AS x -> x",
):
    try:
        session.run(statement.encode())
    except Exception as error:
        print("denied" if "ACCESS_DENIED" in str(error) or "Not enough privileges" in str(error) else error)
session.close()
engine.close()
"""
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
        # Tools ask for this first; the names of hidden columns are no secret.
        for name in ("raw", "webhook_log", "telemetry", "scores", "dead_letters"):
            analyst.query(f"DESCRIBE TABLE telemetry.{name}")
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


def test_the_role_of_the_parts_is_enough_for_them(tmp_path: Path) -> None:
    """It makes and changes this installation's databases, tables and views, and reaches nothing else."""
    ran = subprocess.run(
        [sys.executable, "-c", AS_APPLICATION, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["1", *["denied"] * 6]


def test_the_role_of_the_parts_is_granted_to_their_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`setup --roles` prints both roles, as statements that may be run as they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEMETRY_CLICKHOUSE", "http://own%60er:p@127.0.0.1:1")
    monkeypatch.setenv("TELEMETRY_CLICKHOUSE_CLUSTER", "main")
    printed = command("setup", "--roles").out.splitlines()

    assert [line for line in printed if line.startswith("CREATE ROLE")] == [
        "CREATE ROLE IF NOT EXISTS telemetry_application ON CLUSTER 'main';",
        "CREATE ROLE IF NOT EXISTS telemetry_analyst ON CLUSTER 'main';",
    ]
    assert "GRANT ON CLUSTER 'main' telemetry_application TO `own``er`;" in printed
    assert all(line.startswith("-- ") or line.endswith(";") for line in printed)
