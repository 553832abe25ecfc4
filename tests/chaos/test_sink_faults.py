"""The sink under load while it, or what it depends on, dies, freezes or fills up.

Whatever happens, at the end readers see every committed row exactly once, and the ledger balances.
The long form is `uv run python -m tests.chaos.sink`.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from typing import TYPE_CHECKING

import clickhouse_connect
import pytest

from sinks.member import SESSION_SECONDS
from tests.chaos.sink_faults import freeze_past_session, kill_in_turn, ready, refuse_inserts
from tests.chaos.sink_load import Load, check
from tests.support.sink import SinkBench
from tests.support.waiting import astays

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from deploy.local.clickhouse import ClickHouseServer
    from deploy.local.kafka import KafkaNode
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = [pytest.mark.system, pytest.mark.chaos, pytest.mark.timeout(900)]

SEED = 11


@pytest.fixture
async def bench(settings: SettingsFactory, processes: Processes, tmp_path: Path) -> SinkBench:
    """Topics of three partitions, and tables."""
    bench = SinkBench(settings(partitions=3), processes, tmp_path)
    await bench.setup()
    return bench


async def test_killed_sinks_store_everything_once(bench: SinkBench, clickhouse: Client) -> None:
    """Sinks that are killed at random moments under load leave no row out and none twice."""
    async with Load(bench).running() as load:
        await kill_in_turn(bench, load, 2, random.Random(SEED))  # noqa: S311 - repeatable
    await check(clickhouse, bench, load)


async def test_a_clickhouse_that_is_killed_in_mid_insert_gets_everything_once(
    settings: SettingsFactory,
    clickhouse_servers: Callable[[], ClickHouseServer],
    processes: Processes,
    tmp_path: Path,
) -> None:
    """While ClickHouse is away the sink waits and keeps its place in the group; then nothing is missing or doubled."""
    server = clickhouse_servers()
    bench = SinkBench(settings(partitions=3, clickhouse=server.url), processes, tmp_path)
    await bench.setup()
    async with Load(bench).running() as load:
        child = bench.start()
        await ready(bench)
        for _ in range(2):
            await load.grows(20)
            server.kill()
            await load.grows(50)
            await asyncio.to_thread(child.says, "an insert waits")
            await asyncio.to_thread(server.start)
    client = clickhouse_connect.get_client(dsn=server.url, autogenerate_session_id=False)
    await check(client, bench, load)
    client.close()

    assert child.output.count("assigned ") == 2, "one assignment for each of the two groups"
    assert child.terminate() == 0


@pytest.mark.parametrize(
    "setting",
    ["min_free_disk_bytes_to_perform_insert=1000000000000000", "parts_to_throw_insert=1"],
    ids=["no-space", "too-many-parts"],
)
async def test_a_clickhouse_that_refuses_is_waited_for(setting: str, bench: SinkBench, clickhouse: Client) -> None:
    """No space left and too many parts are waited for; nothing is dropped or dead-lettered, other tables go on."""
    async with Load(bench).running() as load:
        child = bench.start()
        await ready(bench)
        await load.grows(10)
        await refuse_inserts(clickhouse, load, child, bench.settings.database, setting)
    await check(clickhouse, bench, load)

    assert clickhouse.command(f"SELECT count() FROM {bench.settings.database}.dead_letters") == 0
    assert child.output.count("assigned ") == 2


async def test_a_frozen_clickhouse_holds_up_neither_the_group_nor_the_end(
    settings: SettingsFactory,
    clickhouse_servers: Callable[[], ClickHouseServer],
    processes: Processes,
    tmp_path: Path,
) -> None:
    """While ClickHouse answers nothing at all the sink keeps its partitions, and SIGTERM ends it in seconds."""
    server = clickhouse_servers()
    bench = SinkBench(settings(partitions=3, clickhouse=server.url), processes, tmp_path)
    await bench.setup()
    async with Load(bench).running() as load:
        child = bench.start()
        await ready(bench)
        await load.grows(10)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            await load.grows(20)
            await astays(lambda: child.output.count("assigned ") == 2, 1.5 * SESSION_SECONDS, "what was assigned")
            assert child.terminate() == 0
        finally:
            os.kill(server.pid, signal.SIGCONT)
        bench.start()
    client = clickhouse_connect.get_client(dsn=server.url, autogenerate_session_id=False)
    await check(client, bench, load)
    client.close()


async def test_a_frozen_sink_that_wakes_adds_nothing(bench: SinkBench, clickhouse: Client) -> None:
    """A sink that slept past its session, while others stored more blocks than tokens are remembered, adds no row."""
    database = bench.settings.database
    for table in (f"{database}_g1.events", f"{database}_g1.webhooks", f"{database}.raw"):
        clickhouse.command(f"ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 2")
    async with Load(bench).running() as load:
        child = bench.start()
        await ready(bench)
        await load.grows(10)
        await freeze_past_session(bench, clickhouse, load, child, 100)
        await load.grows(20)
    await check(clickhouse, bench, load)

    assert child.process.poll() is None, child.output


async def test_two_sinks_share_the_work(bench: SinkBench, clickhouse: Client) -> None:
    """Two sinks of one group each get partitions; what one leaves behind the other finishes."""
    async with Load(bench).running() as load:
        first = bench.start(name="first")
        await ready(bench, "first")
        second = bench.start(name="second")
        await ready(bench, "second")
        await load.grows(50)
        assert first.terminate() == 0
        await load.grows(20)
    await check(clickhouse, bench, load)
    shared = "partitions=7" in second.output or "partitions=8" in second.output

    assert shared, second.output


async def test_a_killed_broker_costs_nothing(
    settings: SettingsFactory,
    kafka_nodes: Callable[[], KafkaNode],
    processes: Processes,
    tmp_path: Path,
    clickhouse: Client,
) -> None:
    """The sink outlives its broker's death and goes on where it was."""
    node = kafka_nodes()
    bench = SinkBench(settings(partitions=3, kafka=node.bootstrap), processes, tmp_path)
    await bench.setup()
    async with Load(bench).running() as load:
        await load.grows(50)
    child = bench.start()
    await ready(bench)
    node.kill()
    await asyncio.to_thread(node.start)
    await check(clickhouse, bench, load)

    assert child.process.poll() is None, child.output
