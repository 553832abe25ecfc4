"""The gateway while Kafka is away: what was answered `ok` is in ClickHouse once, whatever dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.console import LOGIN, logged_in, page
from tests.support.gateway_load import RATE, Load
from tests.support.http_directory import secret
from tests.support.http_system import UNLIMITED, HttpSystem, http_system
from tests.support.plain_http import PLAIN
from tests.support.stack import Stack
from tests.support.waiting import aeventually, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from deploy.local.kafka import KafkaNode

pytestmark = pytest.mark.system


def facts(system: HttpSystem) -> Counter[int]:
    """How often each number is a fact."""
    rows = system.query(
        "SELECT toUnixTimestamp64Milli(occurred_at) - 1734600000000 FROM events WHERE event = 'compile'"
    )
    return Counter(number for (number,) in rows)


def stored(system: HttpSystem) -> Counter[int]:
    """How often each number was stored by a webhook whose body is in the log, too."""
    rows = system.query(
        "SELECT JSONExtractInt(payload, 'data', 'n') FROM webhook_log"
        " WHERE verdict = 'stored' AND event = 'compile' AND JSONHas(payload, 'data', 'n')"
    )
    return Counter(number for (number,) in rows)


async def all_there(system: HttpSystem, load: Load) -> None:
    """Wait until every accepted number is a fact and in the log with its body: each table has beats of its own."""

    async def there() -> bool:
        found = [await asyncio.to_thread(read, system) for read in (facts, stored)]
        return all(set(load.accepted) <= set(one) for one in found)

    await aeventually(there, 180, f"{len(load.accepted)} accepted webhooks in ClickHouse")


@contextlib.asynccontextmanager
async def kept_alive(system: HttpSystem) -> AsyncIterator[None]:
    """Start worker and sink again when they end, as a supervisor does, also those that end before they were ready."""
    running = {part: system.processes.children[place] for place, part in ((1, "worker"), (2, "sink"))}

    async def watch() -> None:
        while True:
            for part, child in running.items():
                if child.process.poll() is not None:
                    system.begin(part)
                    running[part] = system.processes.children[-1]
            await asyncio.sleep(1)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


@pytest.mark.parametrize("outage", [8.0, pytest.param(60.0, marks=pytest.mark.long)])
@pytest.mark.timeout(600)
def test_kafka_stops_and_the_gateway_is_killed_meanwhile(
    stack: Stack, kafka_nodes: Callable[[], KafkaNode], tmp_path: Path, outage: float
) -> None:
    """Every webhook that was answered `ok` becomes a fact once, also those that only the disk had."""
    node = kafka_nodes()
    own = Stack(kafka=node.bootstrap, clickhouse=stack.clickhouse)
    with http_system(own, tmp_path, directory="open") as system:
        load = Load(system.settings.gateway_bind)
        asyncio.run(scenario(system, node, load, outage))

    # Away is the gateway only until it has started again.
    assert len(load.accepted) > RATE
    assert set(load.refused) <= {503}


async def scenario(system: HttpSystem, node: KafkaNode, load: Load, outage: float) -> None:
    """Kafka goes and comes back; in the middle the gateway is killed and started again."""
    async with kept_alive(system):
        sending = asyncio.create_task(load.run())
        await load.grows(2 * RATE)
        await asyncio.to_thread(node.kill)
        await load.grows(outage * RATE / 2)
        system.gateway.kill()
        system.gateway = await asyncio.to_thread(system.start, "gateway", UNLIMITED)
        await load.grows(outage * RATE / 2)
        await asyncio.to_thread(node.start)
        await load.grows(RATE)
        load.stop()
        await sending

        await all_there(system, load)
    assert max(facts(system).values()) == 1
    assert max(stored(system).values()) == 1


def test_a_frozen_broker_is_bridged_and_told(
    stack: Stack, kafka_nodes: Callable[[], KafkaNode], tmp_path: Path
) -> None:
    """Requests are answered within a bounded time, readiness says no, and all arrives afterwards."""
    node = kafka_nodes()
    own = Stack(kafka=node.bootstrap, clickhouse=stack.clickhouse)
    with http_system(own, tmp_path, directory="open") as system:
        load = Load(system.settings.gateway_bind)
        asyncio.run(frozen(system, node, load))

    assert load.accepted
    assert not load.refused
    assert not load.unanswered


async def frozen(system: HttpSystem, node: KafkaNode, load: Load) -> None:
    """The broker is stopped in its tracks for a while and goes on."""
    async with kept_alive(system), httpx.AsyncClient(base_url=system.url, timeout=10, verify=PLAIN) as client:
        sending = asyncio.create_task(load.run())
        await load.grows(RATE)
        os.kill(node.pid, signal.SIGSTOP)
        try:

            async def told() -> bool:
                answer = await client.get("/health/ready")
                return answer.status_code == 503 and answer.json()["kafka"] is False

            await aeventually(told, 60)
            await load.grows(RATE)
            load.stop()
            await sending
        finally:
            os.kill(node.pid, signal.SIGCONT)

        await all_there(system, load)

        async def ready() -> bool:
            return (await client.get("/health/ready")).status_code == 200

        await aeventually(ready, 30)
    assert max(stored(system).values()) == 1


def test_pages_need_no_kafka_or_say_that_it_is_away(
    stack: Stack, kafka_nodes: Callable[[], KafkaNode], tmp_path: Path
) -> None:
    """A gateway that starts reads what sessions need before anybody looks; one that cannot says so in time."""
    node = kafka_nodes()
    own = Stack(kafka=node.bootstrap, clickhouse=stack.clickhouse)
    with http_system(own, tmp_path, parts=("gateway",)) as system, logged_in(system) as browser:
        system.gateway.kill()
        system.query("TRUNCATE TABLE lag_history")
        system.gateway = system.start("gateway")
        # What was begun after the key of sessions, and takes longer.
        eventually(lambda: system.query("SELECT count() FROM lag_history")[0][0], 60, "lag is kept")
        os.kill(node.pid, signal.SIGSTOP)
        try:
            for path in ("/console/", "/console/stuck", "/console/students", "/console/webhooks"):
                assert page(browser.get(path)).title
            assert page(browser.get("/console/webhooks/40"), 404).title

            system.gateway.kill()
            system.gateway = system.start("gateway")
            assert "Kafka does not answer" in page(browser.get("/console/stuck"), 503).text
            login = browser.post(LOGIN, data={"token": secret("staff")})
            assert "Kafka does not answer" in page(login, 503).text
        finally:
            os.kill(node.pid, signal.SIGCONT)
        eventually(lambda: browser.get("/console/stuck").status_code == 200, 60, "a page")


def test_stopping_finishes_what_is_under_way(stack: Stack, tmp_path: Path) -> None:
    """After SIGTERM every request that was taken is answered, and all that was answered `ok` is in Kafka."""
    with http_system(stack, tmp_path, directory="open") as system:
        load = Load(system.settings.gateway_bind)
        asyncio.run(stopped(system, load))

    assert load.accepted
    assert not load.refused


async def stopped(system: HttpSystem, load: Load) -> None:
    """The gateway is told to stop under load."""
    sending = asyncio.create_task(load.run())
    await load.grows(RATE)

    assert await asyncio.to_thread(system.gateway.terminate) == 0

    load.stop()
    await sending

    await all_there(system, load)
