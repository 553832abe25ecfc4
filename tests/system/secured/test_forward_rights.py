"""A forwarder does all of its work with the rights that its table lists."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import TYPE_CHECKING

import clickhouse_connect
import pytest

from broker import clients
from operations.acls import Part
from schemas.times import sql_time
from schemas.wire.topics import Topics
from sinks.forward.control import read_pauses
from tests.support.secured_system import SecuredSystem
from tests.support.sink import fact, insert
from tests.support.waiting import eventually
from tests.support.webhook_receiver import SECRET, receiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.processes import Processes
    from tests.support.secured_kafka import SecuredKafka
    from tests.support.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(600)]


def test_a_forwarder_does_its_work_with_its_own_rights(
    secured: SecuredKafka, stack: Stack, processes: Processes, tmp_path: Path
) -> None:
    """It writes down who is stuck and tells it, gives up what is no completion, and pauses after a 410."""
    system = SecuredSystem(secured, stack.clickhouse, tmp_path)
    with contextlib.ExitStack() as ending, receiver() as receiving:
        ending.callback(system.remove_databases)
        system.prepare()
        receiving.answer = lambda _: 410
        own = {"FORWARD_URL": receiving.url, "FORWARD_SECRET": SECRET, "FORWARD_KINDS": "completions,stuck"}
        own["FORWARD_STUCK_SECONDS"] = "1"
        environment = system.environment(Part.FORWARD) | {f"TELEMETRY_{name}": value for name, value in own.items()}
        command = [sys.executable, "-m", "deploy.cli", "forward", "--ready-file", str(system.ready(Part.FORWARD))]
        child = processes.start(command, environment, tmp_path)
        eventually(lambda: system.ready(Part.FORWARD).exists() or child.process.poll() is not None, 120, "it is ready")
        assert child.process.poll() is None, child.output

        asyncio.run(rubbish(system))
        client = ending.enter_context(contextlib.closing(clickhouse_connect.get_client(dsn=stack.clickhouse)))
        at = sql_time(time.time_ns() // 1_000_000 - 60_000)
        insert(
            client, f"{system.database}_g1.events", [fact(one, occurred_at=at, succeeded=False) for one in (1, 2, 3)]
        )

        child.says("a message was given up", 120)
        child.says("the receiver wants nothing any more", 120)
        eventually(lambda: asyncio.run(read_pauses(system.settings())), 60, "the pause")
        assert [post.kind for post in receiving.posts] == ["student.stuck"]
        assert system.findings(Part.FORWARD) == []
        assert child.terminate(60) == 0
    assert system.denied() == []


async def rubbish(system: SecuredSystem) -> None:
    """What nobody can read, where completions are told."""
    operator = system.settings(Part.OPERATOR)
    async with clients.opened(clients.producer(operator.kafka_options())) as producer:
        await producer.send_and_wait(Topics.of(operator).completions, b"soup", partition=0)
