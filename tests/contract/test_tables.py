"""What readers of ClickHouse may rely on, held to a real installation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson
import pytest

from operations.table_setup import live_generation, publish, setup_tables
from schemas.times import sql_time
from schemas.wire.rows import TABLES
from schemas.wire.topics import Topics
from sinks.clickhouse import insert_settings
from sinks.daily.refresh import refresh_all
from sinks.errors import SchemaMismatchError
from sinks.table_fit import check_tables
from sinks.templates import KEEP_EMPTY_PARTS, Installation, statements
from sinks.writer.routes import derived_routes, raw_route
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from schemas.wire.rows import Table
    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system

# Measurements of a gateway's.
OF_NO_RECORDS = "lag_history"

# What readers of the public database may name.
PROMISED = {
    "events": """
        event occurred_at received_at academy_id user_id actor telemetry_id asset_slug asset_id
        package_id step_slug step_position exit_code succeeded duration_ms error_type code_bytes
        output_bytes source properties webhook_id ordinal item_id version
    """,
    "raw": """
        id received_at academy_id principal source params payload
    """,
    "webhooks": """
        id is_streaming event academy_ids student_id asset_id package_slug learnpack_package_id
        status status_text verdict result source created_at updated_at version
    """,
    "webhook_log": """
        id received_at academy_id principal source params payload is_streaming event academy_ids
        student_id asset_id package_slug learnpack_package_id status status_text verdict result
        created_at updated_at
    """,
    "telemetry": """
        id user_id actor asset_slug telemetry_id document updated_at version
    """,
    "scores": """
        user_id actor asset_slug engagement_score frustration_score completion_rate
        total_time_seconds metrics_algo_version metrics overlay last_interaction_at updated_at
        version
    """,
    "student_day": """
        day asset_slug user_id actor engagement_score frustration_score completion_rate version
    """,
    "asset_daily": """
        day asset_slug frustration_avg engagement_avg completion_avg total_sessions active_students
        open_steps compiles compile_failures tests test_failures quizzes quiz_failures
        ai_interactions computed_at
    """,
    "dead_letters": """
        topic partition offset stage reason traceback key value headers
    """,
    "step_funnel": """
        asset_slug step_slug opened attempted completed seconds_median
    """,
    "struggling_students": """
        period user_id actor asset_slug step_slug failures
    """,
    "webhook_health": """
        hour received stored ignored duplicate stale error dead pending
    """,
    "ledger": """
        day academy_id received stored ignored duplicate stale error dead pending difference
    """,
}


def columns(client: Client, database: str) -> dict[str, dict[str, tuple[str, str]]]:
    """Each table's columns with type and comment."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    rows = client.query(
        "SELECT table, name, type, comment FROM system.columns WHERE database = {database:String} ORDER BY position",
        parameters={"database": database},
    ).result_rows
    for table, name, kind, comment in rows:
        found.setdefault(table, {})[name] = (kind, comment)
    return found


def test_tables_are_as_their_definition_says(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """After setup every column has the name, type, place and comment of schemas.wire.rows."""
    setup_tables(settings())
    found = columns(clickhouse, database) | columns(clickhouse, f"{database}_g1")

    for table in TABLES:
        defined = [(column.name, (column.type, column.comment)) for column in table.columns]
        assert list(found[table.name].items()) == defined, table.name


def test_readers_find_what_is_promised(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """Every table and view that is promised is in the public database, with its columns, and can be read."""
    setup_tables(settings())
    found = columns(clickhouse, database)

    for name, promised in PROMISED.items():
        assert set(promised.split()) <= set(found[name]), name
        selected = ", ".join(promised.split())
        assert clickhouse.query(f"SELECT {selected} FROM {database}.{name}").result_rows == []


def test_nothing_is_without_a_comment(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """Every table, every view and every column of them says what it is."""
    setup_tables(settings())
    databases = [database, f"{database}_g1"]
    silent = clickhouse.query(
        "SELECT database || '.' || name FROM system.tables "
        "WHERE database IN {databases:Array(String)} AND comment = '' "
        "UNION ALL SELECT table || '.' || name FROM system.columns "
        "WHERE database IN {databases:Array(String)} AND comment = ''",
        parameters={"databases": databases},
    ).result_rows

    assert silent == []


def test_identity_is_the_order_and_nothing_divides_it(
    settings: SettingsFactory, clickhouse: Client, database: str
) -> None:
    """ClickHouse sorts each table by its identity, keeps it in one partition and remembers its blocks' tokens."""
    setup_tables(settings())
    rows = clickhouse.query(
        "SELECT name, sorting_key, partition_key, engine, engine_full FROM system.tables "
        "WHERE database IN {databases:Array(String)} AND engine != 'View' AND name != {other:String}",
        parameters={"databases": [database, f"{database}_g1"], "other": OF_NO_RECORDS},
    ).result_rows

    assert {row[0]: row[1] for row in rows} == {table.name: ", ".join(table.identity) for table in TABLES}
    for _, _, partition_key, engine, full in rows:
        assert (partition_key, engine) == ("", "ReplacingMergeTree")
        assert "deduplication_window" in full
        assert KEEP_EMPTY_PARTS in full


def test_tokens_outlast_the_rows_of_their_blocks(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """A late block finds its name taken, also after a deletion has left nothing of the part that took it."""
    setup_tables(settings())
    engine = clickhouse.command(
        "SELECT engine_full FROM system.tables WHERE database = {database:String} AND name = 'raw'",
        parameters={"database": database},
    )
    often = f"{engine}, cleanup_delay_period = 1, max_cleanup_delay_period = 1"
    kept, plain = f"{database}.kept", f"{database}.plain"
    clickhouse.command(f"CREATE TABLE {kept} AS {database}.raw ENGINE = {often}")
    forgetful = often.replace(KEEP_EMPTY_PARTS, "remove_empty_parts = 1")
    clickhouse.command(f"CREATE TABLE {plain} AS {database}.raw ENGINE = {forgetful}")
    row = orjson.dumps({"version": 1, "received_at": sql_time(int(time.time() * 1000))})
    for table in (kept, plain):
        clickhouse.raw_insert(table, None, row, settings=insert_settings("token"), fmt="JSONEachRow")
        clickhouse.command(f"ALTER TABLE {table} DELETE WHERE version = 1", settings={"mutations_sync": 2})
    parts = f"SELECT count() FROM system.parts WHERE database = '{database}' AND table = 'plain' AND active"
    eventually(lambda: clickhouse.command(parts) == 0, 60)
    for table in (kept, plain):
        clickhouse.raw_insert(table, None, row, settings=insert_settings("token"), fmt="JSONEachRow")

    assert [clickhouse.command(f"SELECT count() FROM {table}") for table in (kept, plain)] == [0, 1]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_token_is_taken_once_whatever_comes_under_it(
    table: Table, settings: SettingsFactory, clickhouse: Client, database: str
) -> None:
    """The first insert counts: another one under the same token changes nothing, with whatever rows."""
    setup_tables(settings())
    name = Installation(database, 1).full_name(table.name)
    for version in (1, 2, 3):
        # Raw keeps no row of 1970; tables without the column pass over it.
        row = orjson.dumps({"version": version, "received_at": sql_time(int(time.time() * 1000))})
        settings_of_insert = insert_settings(f"token-{version // 2}") | {"input_format_skip_unknown_fields": 1}
        clickhouse.raw_insert(name, None, row, settings=settings_of_insert, fmt="JSONEachRow")

    assert clickhouse.query(f"SELECT version FROM {name} ORDER BY version").result_rows == [(1,), (2,)]


def test_no_reader_sees_a_row_that_means_nothing(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """What a sink stores for the sake of its token is in no view, and no webhook or student is told by it."""
    setup_tables(settings())
    (raw,) = raw_route(Topics("t.", 1)).targets
    assert raw.stand_in is None
    for route in derived_routes(Topics("t.", 1)):
        for target in route.targets:
            name = f"{database}_g1.{target.table.name}"
            assert target.stand_in is not None
            columns = target.columns or None
            for token in "ab":
                clickhouse.raw_insert(name, columns, target.stand_in, settings=insert_settings(token), fmt=route.format)
            assert clickhouse.command(f"SELECT count() FROM {name}") == 2
            assert clickhouse.command(f"SELECT count() FROM {database}.{target.table.name}") == 0
    refresh_all(clickhouse, Installation(database, 1))

    for view in ("asset_daily", "ledger", "webhook_log", "webhook_health", "step_funnel", "struggling_students"):
        assert clickhouse.command(f"SELECT count() FROM {database}.{view}") == 0, view


def test_final_from_outside_is_taken(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """A query that was written for the table, with FINAL, works on the view."""
    setup_tables(settings())

    assert clickhouse.command(f"SELECT count() FROM {database}.events FINAL") == 0


def test_setup_again_does_nothing(settings: SettingsFactory) -> None:
    """A second setup finds everything done."""
    assert len(setup_tables(settings())) == len([*TABLES, OF_NO_RECORDS]) + 1
    assert setup_tables(settings()) == []


def test_setup_upgrades_an_old_installation(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """Missing columns are added in their place, comments and retention follow, rows and foreign columns stay."""
    setup_tables(settings(webhook_retention_days=10))
    clickhouse.command(f"ALTER TABLE {database}_g1.webhooks DROP COLUMN verdict")
    clickhouse.command(f"ALTER TABLE {database}_g1.webhooks COMMENT COLUMN status 'old'")
    clickhouse.command(f"ALTER TABLE {database}_g1.webhooks ADD COLUMN ours String")
    clickhouse.command(f"ALTER TABLE {database}_g1.webhooks RESET SETTING remove_empty_parts")
    clickhouse.command(f"INSERT INTO {database}_g1.webhooks (id, ours) VALUES (1, 'x')")
    done = setup_tables(settings(webhook_retention_days=20))

    assert done == [
        f"Described {database}_g1.webhooks.status",
        f"Added {database}_g1.webhooks.verdict",
        f"{database}_g1.webhooks remembers the blocks of empty parts",
        f"{database}_g1.webhooks keeps 22 days",
    ]
    assert clickhouse.query(f"SELECT id, ours, verdict FROM {database}_g1.webhooks").result_rows == [(1, "x", "")]
    assert "20 days" in str(
        clickhouse.command(
            "SELECT comment FROM system.tables WHERE database = {database:String} AND name = 'webhook_log'",
            parameters={"database": database},
        )
    )


def test_the_statements_for_a_cluster_are_sql(clickhouse: Client) -> None:
    """What is only run on a cluster is at least understood by ClickHouse's own parser, with its clauses in place."""
    installation = Installation("telemetry", 2, cluster="main")

    for folder in ("tables", "views"):
        for name, statement in statements(installation, folder):
            formatted = str(clickhouse.command("SELECT formatQuery({statement:String})", {"statement": statement}))
            assert "ON CLUSTER main" in formatted.replace("'", ""), name


def test_another_type_is_refused_with_its_mend(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """A column of another type is not changed behind anybody's back; the error's statement mends it."""
    setup_tables(settings())
    clickhouse.command(f"ALTER TABLE {database}_g1.events MODIFY COLUMN step_position Nullable(Int32)")
    with pytest.raises(SchemaMismatchError, match=r"step_position as Nullable\(Int32\)") as raised:
        setup_tables(settings())
    clickhouse.command(raised.value.remedy)

    check_tables(clickhouse, Installation.of(settings()))


def test_setting_up_a_generation_does_not_swap(settings: SettingsFactory, clickhouse: Client, database: str) -> None:
    """The views keep reading the live generation until it is swapped, and can be swapped back."""
    setup_tables(settings())
    setup_tables(settings(generation=2))
    clickhouse.command(f"INSERT INTO {database}_g1.scores (actor, version) VALUES ('first', 1)")
    clickhouse.command(f"INSERT INTO {database}_g2.scores (actor, version) VALUES ('second', 1)")
    reads = f"SELECT actor FROM {database}.scores"

    assert (live_generation(clickhouse, database), clickhouse.command(reads)) == (1, "first")
    assert publish(clickhouse, settings(), 2) == [f"Views in {database} read generation 2"]
    assert (live_generation(clickhouse, database), clickhouse.command(reads)) == (2, "second")
    assert setup_tables(settings()) == []
    assert clickhouse.command(reads) == "second"
    publish(clickhouse, settings(), 1)
    assert clickhouse.command(reads) == "first"
