"""No background task of a worker dies unseen: it begins again, or the process ends with a message."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import aiokafka
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.exits import ExitCode
from streams.live_progress import LiveProgress
from tests.chaos.kafka import create_topics, is_caught_up, produce
from tests.support.waiting import eventually
from tests.system.workers import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system

# By name or by what they run: ours, then Faust's and aiokafka's, in both of their loops.
TASKS = ["partition-0", "watchdog"]
EXHAUSTIVE = [
    "reference views",
    "mandate",
    "AIOKafkaClient._md_synchronizer",
    "Conductor._subscriber",
    "Consumer._commit_handler",
    "Fetcher._fetch_requests_routine",
    "Fetcher._fetcher",
    "GroupCoordinator._coordination_routine",
    "GroupCoordinator._heartbeat_routine",
    "MethodQueueWorker._method_queue_do_work",
    "Monitor._sampler",
    "ProducerBuffer._handle_pending",
    "Recovery._restart_recovery",
    "Sender._sender_routine",
    "ServiceThread._serve",
    "ServiceThread._thread_keepalive",
    "SupervisorStrategy._supervisor",
    "ThrowableQueue.get",
]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("task", [*TASKS, *(pytest.param(name, marks=pytest.mark.long) for name in EXHAUSTIVE)])
def test_a_task_that_fails_is_seen(settings: SettingsFactory, processes: Processes, tmp_path: Path, task: str) -> None:
    """What comes after the failure is processed, by this process or, once it has said why it ends, by the next one."""
    bench = Bench(settings(partitions=1), processes, tmp_path)
    worker = bench.start(fails=task, stall_s=5)
    worker.says("ready", 60)
    bench.send([b"{}"])
    worker.says(f"failed {task}", 30)
    bench.send([b"{}"])

    def seen() -> bool:
        return worker.process.poll() is not None or (task != "watchdog" and asyncio.run(is_caught_up(bench.settings)))

    eventually(seen, 60, f"an answer to the end of {task}")
    code = worker.process.poll()
    if code is None:
        bench.send([b"{}"])
        bench.wait_until_done()
        worker.terminate()
    else:
        assert code in set(ExitCode) - {ExitCode.OK}
        assert "[critical" in worker.output
        bench.start().says("ready", 60)
        bench.wait_until_done()

    assert bench.check().is_exact


async def test_a_replay_goes_on_following_after_an_unexpected_error(
    settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that nobody foresaw does not leave it waiting for the live generation for ever."""
    own, asks = settings(partitions=1), itertools.count()
    topics = await create_topics(own)
    await produce(own.kafka, topics.raw, [(0, b"u", b"{}", [])])
    ask = AIOKafkaAdminClient.list_consumer_group_offsets

    async def answer(self: Any, *arguments: Any, **options: Any) -> Any:
        if next(asks) == 0:
            message = "unexpected"
            raise RuntimeError(message)
        return await ask(self, *arguments, **options)

    monkeypatch.setattr(AIOKafkaAdminClient, "list_consumer_group_offsets", answer)
    live = LiveProgress(own.kafka_options(), topics, 1, as_recorded=False)
    await live.start()
    try:
        committed = aiokafka.AIOKafkaConsumer(
            **own.kafka_options(), group_id=topics.application, enable_auto_commit=False
        )
        async with committed:
            committed.assign([TopicPartition(topics.raw, 0)])
            await committed.commit({TopicPartition(topics.raw, 0): 1})
        assert await asyncio.wait_for(live.passes(0, 0, lambda: None), 30) == 1
    finally:
        await live.stop()


def test_a_worker_ends_whatever_does_not(settings: SettingsFactory, processes: Processes, tmp_path: Path) -> None:
    """Python would wait for the thread of Faust's consumer after everything else, if nothing stopped it."""
    bench = Bench(settings(partitions=1), processes, tmp_path)
    worker = bench.start(sabotage="never stops")
    worker.says("ready", 60)
    bench.send([b"{}"])
    bench.wait_until_done()

    assert worker.terminate(120) == ExitCode.OK
    assert "stopping took too long" in worker.output
    assert bench.check().is_exact
