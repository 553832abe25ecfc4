"""What analysts read of the real tables by their own user, and what not; and what the parts' user may do."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import clickhouse_connect
import orjson
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.clickhouse.access import Analyst
from operations.roles import ADMIN, ANALYST, INGEST, READER, Role, analyst_grants, roles, statements
from operations.table_setup import setup_tables
from schemas.settings import Settings
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
AS_ROLE: Final = """
import json, sys
from pathlib import Path
from deploy.local.clickhouse.access import ANALYST, APPLICATION
from deploy.local.clickhouse.engine import Engine
from operations.roles import roles
from sinks.templates import Installation, statements

installation = Installation("telemetry", 1)
(role,) = [role for role in roles(installation) if role.name == sys.argv[2]]
engine = Engine(Path(sys.argv[1]), {}, role.grants)
maker = engine.session(APPLICATION)
for kind in ("tables", "views"):
    for _, statement in statements(installation, kind):
        maker.run(statement.encode())
maker.close()
session = engine.session(ANALYST)
for statement in json.loads(sys.argv[3]):
    try:
        session.run(statement.encode())
    except Exception as error:
        print("denied" if "ACCESS_DENIED" in str(error) or "Not enough privileges" in str(error) else error)
    else:
        print("done")
session.close()
engine.close()
"""
LOOKS: Final = (
    "SELECT count() FROM telemetry.events",
    "SELECT name FROM system.tables WHERE database = 'telemetry'",
    "SELECT name, value FROM system.settings LIMIT 1",
)
STORES: Final = (
    "INSERT INTO telemetry.raw (id, received_at, payload, version) VALUES (1, now(), 'x', 1)",
    "INSERT INTO telemetry_g1.scores (asset_slug, actor, version) VALUES ('a', '1', 1)",
    "INSERT INTO telemetry_g1.asset_daily (day, asset_slug, version) SELECT day, '', 1 FROM telemetry_g1.student_day",
    "INSERT INTO FUNCTION null('a UInt8') VALUES (1)",
)
KEEPS_LAG: Final = "INSERT INTO telemetry.lag_history (at, consumer) VALUES (now(), 'a')"
CHANGES: Final = (
    "CREATE DATABASE telemetry_g2",
    "CREATE TABLE telemetry.raw_restore_x (a UInt8) ENGINE = MergeTree ORDER BY a",
    "ALTER TABLE telemetry.raw_restore_x ADD COLUMN b UInt8",
    "ALTER TABLE telemetry_g1.events DELETE WHERE actor = '1'",
    "TRUNCATE TABLE telemetry.raw_restore_x",
    "DROP TABLE telemetry.raw_restore_x",
    "DROP DATABASE telemetry_g2",
)
LEADS_OUT: Final = (
    "CREATE DATABASE other",
    "SELECT * FROM file('/etc/passwd', LineAsString)",
    "SELECT * FROM url('http://127.0.0.1:1', LineAsString)",
    "CREATE DATABASE telemetry_g3 ENGINE = Filesystem('/')",
    "CREATE USER other",
    "CREATE FUNCTION f AS x -> x",
)
MAY: Final = {
    INGEST: (*LOOKS, *STORES),
    READER: (*LOOKS, KEEPS_LAG, "SELECT payload FROM telemetry.raw"),
    ADMIN: (*LOOKS, *STORES, KEEPS_LAG, *CHANGES),
}
MAY_NOT: Final = {
    INGEST: (*CHANGES[:1], CHANGES[3], "DROP TABLE telemetry_g1.events", *LEADS_OUT),
    READER: (*STORES[:2], "SELECT count() FROM telemetry_g1.events", CHANGES[0], CHANGES[3], *LEADS_OUT),
    ADMIN: LEADS_OUT,
}
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


def of(name: str, cluster: str = "") -> Role:
    """A role by its name."""
    (found,) = [role for role in roles(Installation("telemetry", 1, cluster=cluster)) if role.name == name]
    return found


def test_roles_name_the_cluster_wherever_there_is_one() -> None:
    """Each grant, profile and quota is the role's own; what analysts may not read is in no list of columns."""
    installation = Installation("telemetry", 1, cluster="main")
    for role in roles(installation):
        said = statements(installation, role)
        assert all("ON CLUSTER 'main'" in one for one in said)
        assert all(one.endswith(f" TO {role.name}") for one in said[1:])
    assert sorted(
        one.partition(" ON telemetry.")[2].split()[0]
        for one in statements(installation, of(ANALYST, "main"))
        if "SELECT(" in one
    ) == ["dead_letters", "raw", "scores", "telemetry", "webhook_log"]


@pytest.mark.parametrize("role", MAY)
def test_a_role_is_enough_for_its_part_and_no_more(tmp_path: Path, role: str) -> None:
    """Sinks store and change no table, gateways only look, who sets up does all of it; nobody reaches anything else."""
    asked = orjson.dumps([*MAY[role], *MAY_NOT[role]]).decode()
    command = [sys.executable, "-c", AS_ROLE, str(tmp_path), role, asked]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert ran.returncode == 0, ran.stderr
    wanted = ["done"] * len(MAY[role]) + ["denied"] * len(MAY_NOT[role])
    assert list(zip(orjson.loads(asked), ran.stdout.splitlines(), strict=True)) == list(
        zip(orjson.loads(asked), wanted, strict=True)
    )


def test_who_sets_up_is_granted_the_role_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`setup --roles` prints all roles, as statements that may be run as they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEMETRY_CLICKHOUSE", "http://own%60er:p@127.0.0.1:1")
    monkeypatch.setenv("TELEMETRY_CLICKHOUSE_CLUSTER", "main")
    printed = command("setup", "--roles").out.splitlines()

    assert [line.split()[5] for line in printed if line.startswith("CREATE ROLE")] == [INGEST, READER, ANALYST, ADMIN]
    assert [line for line in printed if line.startswith("CREATE QUOTA")][2].endswith(
        "MAX queries = 5000, errors = 1000, result_rows = 50000000, execution_time = 3600 TO telemetry_analyst;"
    )
    assert printed[-1] == "GRANT ON CLUSTER 'main' telemetry_admin TO `own``er`;"
    assert all(line.startswith("-- ") or line.endswith(";") for line in printed)
