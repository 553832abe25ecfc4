"""What is sent to a cluster: ClickHouse parses every statement, and takes each table's engine and place in Keeper.

No cluster can be had here, and the engine refuses ON CLUSTER. So each statement is parsed as it is sent (EXPLAIN AST),
and run without that clause on tables that are not replicated: what comes out is what a single server has. Engines are
tried as they are on one with macros, where nothing is missing but a Keeper.
"""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from operations import table_setup
from operations.forgetting.found import Condition
from operations.forgetting.rows import delete
from operations.generations import cleaning, recovery
from operations.roles import roles, statements
from operations.table_setup import setup_tables
from sinks.clickhouse import connect
from sinks.templates import Installation
from sinks.templates import statements as definitions

if TYPE_CHECKING:
    from collections.abc import Callable

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system

CLUSTER: Final = "ON CLUSTER 'main'"
REPLICATED: Final = re.compile(r"Replicated(\w*MergeTree)\('[^']+', '\{replica\}'(?:, )?")
MISSES_ONLY_KEEPER: Final = """
import sys
from pathlib import Path
from chdb.state import connect
from operations.clickhouse import check_cluster
from schemas.settings import Settings
from sinks.errors import ConfigurationError
from sinks.templates import Installation, statements

servers = lambda *shards: "".join(
    "<shard>" + "".join(f"<replica><host>127.0.0.{n}</host><port>9000</port></replica>" for n in shard) + "</shard>"
    for shard in shards
)
Path("config.xml").write_text(
    f"<clickhouse><macros><shard>1</shard><replica>one</replica></macros><remote_servers>"
    f"<main>{servers((1, 2, 3))}</main><wide>{servers((1, 2), (3, 4))}</wide></remote_servers></clickhouse>"
)
engine = connect("data?config-file=config.xml")

def told(statement):
    try:
        engine.query(statement, "TSV")
    except RuntimeError as error:
        return str(error).partition("Code: ")[2].partition(".")[0]
    return "done"

for _, statement in statements(Installation("telemetry", 2, cluster="main"), "tables"):
    print(told(statement.replace(" ON CLUSTER 'main'", "")))
print(told("CREATE TABLE telemetry.x (a Int8) ENGINE = ReplicatedMergeTree('/x/{nowhere}', '{replica}') ORDER BY a"))

class Client:
    def query(self, sql, parameters):
        found = engine.query(sql, "JSONCompact", params=parameters)
        import json
        self.result_rows = json.loads(found.bytes())["data"]
        return self

for cluster in ("main", "wide", "none"):
    try:
        check_cluster(Client(), cluster)
    except ConfigurationError as error:
        print(error)
    else:
        print("fits")
engine.close()
"""


@pytest.fixture
def cluster(settings: SettingsFactory) -> Settings:
    """Settings of a cluster."""
    return settings(clickhouse_cluster="main")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to a cluster, parsed as it is and run on one server."""
    found: list[str] = []

    def opened(settings: Settings) -> Client:
        client = connect(settings)
        plain: Callable[..., Any] = client.command

        def command(statement: str, parameters: Any = None, **more: Any) -> Any:
            if CLUSTER in statement:
                found.append(statement)
                plain(f"EXPLAIN AST {statement}", parameters=parameters)
            return plain(REPLICATED.sub(r"\1(", statement.replace(f" {CLUSTER}", "")), parameters, **more)

        monkeypatch.setattr(client, "command", command)
        return client

    for module in (table_setup, cleaning):
        monkeypatch.setattr(module, "connect", opened)
    return found


def test_setup_says_everything_to_the_whole_cluster(
    cluster: Settings, settings: SettingsFactory, sent: list[str], clickhouse: Client
) -> None:
    """Making tables, upgrading old ones, changing views and dropping a generation: no statement is for one server."""
    setup_tables(cluster)
    made = len(sent)
    database = cluster.database
    clickhouse.command(f"ALTER TABLE {database}.raw DROP COLUMN place")
    clickhouse.command(
        f"ALTER TABLE {database}_g1.events COMMENT COLUMN event 'old', MODIFY SETTING remove_empty_parts = 1"
    )
    setup_tables(settings(clickhouse_cluster="main", raw_retention_days=7, webhook_retention_days=7))
    # The rest of that deletes topics and groups, of which there are none.
    vars(cleaning)["_drop_database"](cluster, 1)

    kinds = {re.sub(r"[`'].*", "", one.partition(CLUSTER)[2]).split()[:2][-1] for one in sent[made:] if "ALTER" in one}
    assert {"COLUMN", "SETTING", "TTL"} <= kinds
    assert [one.split()[:2] for one in sent[-1:]] == [["DROP", "DATABASE"]]
    assert made == len([one for kind in ("tables", "views") for one in definitions(Installation.of(cluster), kind)])


def test_erasing_is_for_every_replica(cluster: Settings, sent: list[str]) -> None:
    """A person's rows are deleted on the whole cluster, and it is waited until no replica has them."""
    setup_tables(cluster)
    client = vars(table_setup)["connect"](cluster)
    table = f"{cluster.database}_g1.events"
    client.insert(table, [["a", 1, 1]], column_names=["actor", "item_id", "version"])
    deleted: dict[str, int] = {}

    assert delete(client, CLUSTER, [Condition(table, "actor = {actor:String}", {"actor": "a"})], deleted) == 1
    assert sent[-1].startswith(f"ALTER TABLE {table} {CLUSTER} DELETE WHERE")
    assert client.command(f"SELECT count() FROM {table}") == 0
    client.close()


def test_a_swap_does_not_wait_for_a_replica_that_is_away(
    cluster: Settings, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Views are replaced where servers run; the others get them when they come back, from ClickHouse's own queue."""
    setup_tables(cluster)
    opened: list[Client] = []

    def open_kept(settings: Settings) -> Client:
        opened.append(vars(table_setup)["connect"](settings))
        return opened[0]

    monkeypatch.setattr(recovery, "connect", open_kept)
    recovery.publish_generation(cluster, 1)
    (client,) = opened

    assert len(sent) > len(definitions(Installation.of(cluster), "views"))
    assert client.get_client_setting("distributed_ddl_output_mode") == "null_status_on_timeout"
    assert int(client.get_client_setting("distributed_ddl_task_timeout") or 0) < 60


@pytest.mark.parametrize("role", range(4))
def test_roles_are_what_clickhouse_parses(clickhouse: Client, role: int) -> None:
    """Grants, profiles and quotas, with a cluster and without."""
    for name in ("", "main"):
        installation = Installation("telemetry", 1, cluster=name)
        for statement in statements(installation, roles(installation)[role]):
            clickhouse.command(f"EXPLAIN AST {statement}")
            assert (CLUSTER in statement) == bool(name)


def test_engines_miss_nothing_but_a_keeper(tmp_path: Any) -> None:
    """Places in Keeper, macros and settings are taken by an engine with macros; a cluster of several shards is not."""
    ran = subprocess.run(
        [sys.executable, "-c", MISSES_ONLY_KEEPER],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    no_keeper, no_macro = "225", "139"
    assert lines[:2] == ["done", "done"]
    assert set(lines[2:-4]) == {no_keeper}
    assert len(lines[2:-4]) == 10
    assert lines[-4] == no_macro
    assert lines[-3] == "fits"
    assert lines[-2].startswith("TELEMETRY_CLICKHOUSE_CLUSTER: wide has 2 shards")
    assert lines[-1].startswith("TELEMETRY_CLICKHOUSE_CLUSTER: ClickHouse knows no cluster none")
