"""`setup --plan`, and `setup` by several at once."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from broker.incremental_configs import set_topic_configs
from operations.planning import plan_setup
from schemas.wire.rows import GENERATION_TABLES
from schemas.wire.topics import Topics
from tests.chaos.kafka import read_all
from tests.support.commands import command
from tests.support.waiting import aeventually, eventually

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.support.processes import Processes

pytestmark = pytest.mark.system

UP_TO_DATE = "Everything is up to date."


async def contents(place: Settings, clickhouse: Client) -> tuple[object, ...]:
    """All that `setup` makes, as far as it can be read: topics with configurations, the journal, tables and views."""
    admin = AIOKafkaAdminClient(**place.kafka_options())
    await admin.start()
    try:
        names = sorted(name for name in await admin.list_topics() if name.startswith(place.topic_prefix))
        described = await admin.describe_topics(names) if names else []
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        configs = await admin.describe_configs(asked) if asked else []
    finally:
        await admin.close()
    topics = [(one["topic"], len(one["partitions"])) for one in described]
    settings = sorted((found[3], sorted(entry[:2] for entry in found[4])) for one in configs for found in one.resources)
    journal = Topics.of(place).generations
    records = (await read_all(place.kafka, journal, 1))[0] if journal in names else []
    tables = clickhouse.query(
        "SELECT database, name, create_table_query, comment FROM system.tables "
        "WHERE startsWith(database, {name:String}) ORDER BY database, name",
        parameters={"name": place.database},
    ).result_rows
    return topics, settings, [(one.key, one.value) for one in records], tables


def planned() -> list[str]:
    """The lines of the plan that say what would be done."""
    outcome = command("setup", "--plan")
    assert outcome.code == 0, outcome.err
    *lines, _, end = outcome.out.splitlines()
    assert end == (f"{len(lines)} changes planned, nothing was changed." if lines else UP_TO_DATE)
    return lines


def test_a_plan_tells_all_and_changes_nothing(place: Settings, clickhouse: Client) -> None:
    """Before the first `setup` it names each topic, table and view; after it there is nothing to plan."""
    before = asyncio.run(contents(place, clickhouse))

    lines = planned()

    assert asyncio.run(contents(place, clickhouse)) == before
    for spec in Topics.of(place).specs(place):
        assert any(line.startswith(f"Create topic {spec.name}: ") for line in lines), spec.name
    for table in GENERATION_TABLES:
        assert f"Create table {place.database}_g1.{table.name}" in lines
        assert f"Create view {place.database}.{table.name}" in lines
    assert "Make the key of pseudonyms" in lines
    assert f"Note in the journal that generation 1 is computed from {Topics.of(place).raw}" in lines
    assert command("setup").code == 0
    assert planned() == []
    assert command("setup").out == f"{UP_TO_DATE}\n"


def test_a_plan_tells_what_would_be_altered(installed: Settings, clickhouse: Client) -> None:
    """Configurations, columns, comments, retention and views that somebody, or an older release, left otherwise."""
    facts, events = Topics.of(installed).facts, f"{installed.database}_g1.events"

    async def shorten() -> None:
        admin = AIOKafkaAdminClient(**installed.kafka_options())
        await admin.start()
        await set_topic_configs(admin, facts, {"retention.ms": "1000"})
        asked = ConfigResource(ConfigResourceType.TOPIC, facts, {"retention.ms": ""})

        async def shortened() -> bool:
            (answer,) = await admin.describe_configs([asked])
            return [entry[1] for entry in answer.resources[0][4]] == ["1000"]

        # The broker acknowledges a configuration before it follows it.
        await aeventually(shortened)
        await admin.close()

    asyncio.run(shorten())
    clickhouse.command(f"ALTER TABLE {events} DROP COLUMN error_type")
    clickhouse.command(f"ALTER TABLE {events} MODIFY COMMENT 'as a release before numbers left it'")
    clickhouse.command(f"ALTER TABLE {installed.database}.raw MODIFY TTL toDateTime(received_at) + INTERVAL 3 DAY")
    clickhouse.command(f"CREATE OR REPLACE VIEW {installed.database}.ledger AS SELECT 1 AS difference")
    before = asyncio.run(contents(installed, clickhouse))

    lines = planned()

    assert asyncio.run(contents(installed, clickhouse)) == before
    assert lines == [
        f"Configure topic {facts}: retention.ms={installed.raw_retention_days * 86_400_000}",
        f"Add {events}.error_type",
        f"Describe {events}",
        f"Let {installed.database}.raw keep {installed.raw_retention_days} days",
        f"Replace view {installed.database}.ledger",
    ]
    assert command("setup").code == 0
    # As above: the broker follows a moment later.
    eventually(lambda: planned() == [], 60, "nothing to plan")


def test_a_plan_refuses_what_setup_refuses(installed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same words."""
    monkeypatch.setenv("TELEMETRY_PARTITIONS", "3")

    plan, done = command("setup", "--plan"), command("setup")

    assert (plan.code, plan.complaint) == (1, done.complaint)
    assert installed.partitions == 2


def test_several_at_once_are_as_one(place: Settings, processes: Processes, clickhouse: Client) -> None:
    """Whoever is first makes a thing; all of them end well, there is one key and one journal, and nothing is left."""
    children = [processes.start([sys.executable, "-m", "deploy.cli", "setup"]) for _ in range(3)]

    ends = [child.process.wait(240) for child in children]

    assert ends == [0, 0, 0], [child.output for child in children]
    assert asyncio.run(plan_setup(place)) == []
    made = asyncio.run(contents(place, clickhouse))
    again = [processes.start([sys.executable, "-m", "deploy.cli", "setup"]) for _ in range(2)]
    assert [child.process.wait(240) for child in again] == [0, 0]
    assert [child.output.splitlines()[-1] for child in again] == [UP_TO_DATE, UP_TO_DATE]
    assert asyncio.run(contents(place, clickhouse)) == made
