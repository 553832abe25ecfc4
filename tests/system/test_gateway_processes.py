"""A gateway of several processes at one address: one is killed while Kafka is away, and nothing is lost; one hangs."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from gateway.console.once import offer_link, with_link
from operations.tokens import digest
from schemas.wire.topics import Topics
from tests.chaos.kafka import read_all
from tests.support.gateway_load import RATE, STUDENTS, Load
from tests.support.http_directory import secret
from tests.support.http_system import UNLIMITED, HttpSystem, http_system
from tests.support.plain_http import PLAIN
from tests.support.stack import Stack
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.local.kafka import KafkaNode

pytestmark = pytest.mark.system

ANSWERED = 'telemetry_gateway_requests_total{route="/v1/assignment/me/telemetry",status="200"}'


def children(pid: int) -> set[int]:
    """The ids of a process's children."""
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


async def figure(system: HttpSystem, name: str) -> float:
    """A figure, asked on a connection of its own: either process may answer."""
    async with httpx.AsyncClient(base_url=system.url, timeout=10, verify=PLAIN) as client:
        text = (await client.get("/metrics")).text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def sent(system: HttpSystem) -> set[int]:
    """The numbers of the events in the raw topic."""
    settings = system.settings
    found = asyncio.run(read_all(settings.kafka, Topics.of(settings).raw, settings.partitions))
    return {orjson.loads(record.value)["data"]["n"] for records in found for record in records}


@pytest.mark.timeout(300)
def test_one_of_two_processes_is_killed_while_kafka_is_away(
    stack: Stack, kafka_nodes: Callable[[], KafkaNode], tmp_path: Path
) -> None:
    """What was answered `ok` arrives, also what only the disk of the killed one had; figures are those of both."""
    node = kafka_nodes()
    own = Stack(kafka=node.bootstrap, clickhouse=stack.clickhouse)
    with http_system(own, tmp_path, ("gateway",), directory="open") as system:
        # It leaves the tokens that it knew, by which those who come after it judge without Kafka.
        assert system.gateway.terminate() == 0
        system.gateway = system.start("gateway", UNLIMITED, "--processes", "2")
        load = Load(system.settings.gateway_bind)
        asyncio.run(scenario(system, node, load))

        assert system.gateway.terminate() == 0
        assert set(load.accepted) <= sent(system)
    assert set(load.refused) <= {503}


async def hanging(system: HttpSystem) -> dict[str, str] | None:
    """What readiness says of processes that hang, on a connection of its own; None if one that hangs was asked."""
    async with httpx.AsyncClient(base_url=system.url, timeout=2, verify=PLAIN) as client:
        try:
            answer = await client.get("/health/ready")
        except httpx.ReadTimeout:
            return None
    told: dict[str, str] = answer.json().get("restarting", {})
    assert answer.status_code == 503 or not told
    assert told.keys() <= answer.json().get("not_ready", {}).keys()
    return told


async def one_hangs(system: HttpSystem) -> None:
    """It is frozen, and the other says so for as long."""
    frozen = max(children(system.gateway.pid))
    os.kill(frozen, signal.SIGSTOP)

    async def told() -> bool:
        return "does not answer" in " ".join((await hanging(system) or {}).values())

    async def well() -> bool:
        return await hanging(system) == {}

    try:
        await aeventually(told, 60, "readiness telling of the frozen process")
    finally:
        os.kill(frozen, signal.SIGCONT)
    await aeventually(well, 60, "both answering again")


async def logged_in_everywhere(system: HttpSystem) -> None:
    """Whoever has logged in at one process is known to the others, and a link is followed once among all of them."""
    link = with_link("", offer_link(system.settings.spool, digest(secret("staff")), time.time()))

    async def followed() -> Any:
        # Who cannot know yet who may log in says so, and leaves the link as it is.
        async with httpx.AsyncClient(base_url=system.url, timeout=30, verify=PLAIN) as client:
            answer = await client.get(link)
            return answer if answer.has_redirect_location else None

    answers = [await aeventually(followed, 60, "a log-in by the link") for _ in range(8)]
    (entered,) = (answer for answer in answers if answer.headers["location"] == "/console/")

    async def asked() -> Any:
        async with httpx.AsyncClient(base_url=system.url, timeout=30, verify=PLAIN, cookies=entered.cookies) as client:
            answer = await client.get("/console/students")
            return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer

    for _ in range(8):
        assert (await aeventually(asked, 60, "an answer of the console")).status_code == 200


async def scenario(system: HttpSystem, node: KafkaNode, load: Load) -> None:
    """Kafka goes and comes back; in the middle one process is killed, and another takes its place."""
    await logged_in_everywhere(system)
    sending = asyncio.create_task(load.run())
    await load.grows(RATE)
    await asyncio.to_thread(node.kill)
    await load.grows(RATE)
    before = children(system.gateway.pid)
    assert len(before) == 2
    os.kill(max(before), signal.SIGKILL)

    async def again() -> bool:
        now = children(system.gateway.pid)
        return len(now) == 2 and now != before

    await aeventually(again, 60, "another process in place of the killed one")
    await load.grows(2 * RATE)
    await asyncio.to_thread(node.start)
    await load.grows(RATE)
    load.stop()
    await sending

    async def drained() -> bool:
        return (
            await figure(system, "telemetry_gateway_direct") == 1
            and await figure(system, "telemetry_gateway_spool_records") == 0
        )

    await aeventually(drained, 120, "both spools drained")
    counted = {await figure(system, ANSWERED) for _ in range(4)}
    assert len(counted) == 1
    # The killed one may have answered each student once without having counted it, and counted what nobody heard.
    assert abs(counted.pop() - len(load.accepted)) <= STUDENTS
    await one_hangs(system)
