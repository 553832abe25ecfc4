"""Every background task of the gateway, hit by an unexpected error."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tenacity import wait_none

from broker import clients
from broker.watched import Watched
from gateway import following
from gateway.durable.delivery import Delivery
from gateway.durable.kafka import RawProducer
from gateway.durable.publishing import RawRecord
from gateway.durable.spool import Spool
from gateway.errors import KafkaUnavailableError, SpoolError
from gateway.following import Views
from gateway.metrics import Metrics
from schemas.settings import Settings
from tests.support.followed_topics import BUG, Topics, unheard
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def record(number: int) -> RawRecord:
    """A record that its time tells from others."""
    return RawRecord(b"k", b"v", [], number)


class Fragile:
    """Calls through to a function, and fails the first few times."""

    def __init__(self, function: Callable[..., Any], failures: int = 3) -> None:
        self.function = function
        self.failures = failures
        self.calls = 0

    def __call__(self, *arguments: Any) -> Any:
        """Fail or do it."""
        self.calls += 1
        if self.calls <= self.failures:
            raise BUG
        return self.function(*arguments)


class Broker:
    """Stands for a producer that takes everything."""

    def __init__(self) -> None:
        self.connected = False
        self.arrived: list[int] = []

    async def start(self) -> None:
        """Connect."""
        self.connected = True

    async def stop(self) -> None:
        """Disconnect."""
        self.connected = False

    async def probe(self) -> None:
        """Answer."""

    def send(self, sent: RawRecord) -> asyncio.Future[int]:
        """Acknowledge at once."""
        self.arrived.append(sent.timestamp)
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiter.set_result(sent.timestamp)
        return waiter


async def spool_drain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The spool is drained after all."""
    spool, broker = Spool(tmp_path, 10_000), Broker()
    await spool.open()
    await spool.append(record(1))
    await spool.close()
    spool = Spool(tmp_path, 10_000)
    fragile = Fragile(spool.oldest)
    monkeypatch.setattr(spool, "oldest", fragile)
    delivery = Delivery(broker, spool, pauses=wait_none())  # type: ignore[arg-type]
    await delivery.start()

    async def direct() -> bool:
        return delivery.direct

    await aeventually(direct, 60)
    await delivery.stop()
    assert broker.arrived == [1]
    assert fragile.calls > fragile.failures


async def spool_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits is told, and the next record is safe."""
    spool = Spool(tmp_path, 10_000)
    await spool.open()
    fragile = Fragile(spool._files.append, failures=1)  # noqa: SLF001 - where the mistake is
    monkeypatch.setattr(spool._files, "append", fragile)  # noqa: SLF001
    async with asyncio.timeout(60):
        with pytest.raises(SpoolError):
            await spool.append(record(1))
        await spool.append(record(2))
    assert spool.records == 1
    await spool.close()
    assert spool.empty is False


async def raw_partition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits goes to the spool, and the next record is sent."""
    del tmp_path

    class Client:
        """Stands for aiokafka's producer."""

        async def start(self) -> None:
            """Connect."""

        async def stop(self) -> None:
            """Disconnect."""

        async def partitions_for(self, _topic: str) -> set[int]:
            """One partition."""
            return {0}

        def create_batch(self) -> Any:
            """Fail as no broker would."""
            raise BUG

    monkeypatch.setattr(clients, "producer", lambda *_options, **_more: Client())
    producer = RawProducer(Settings(), Metrics())
    await producer.start()
    async with asyncio.timeout(60):
        for number in range(3):
            with pytest.raises(KafkaUnavailableError, match="nobody thought of"):
                await producer.send(record(number))
    await producer.stop()


async def reference_views(tmp_path: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Following begins again, with a view that holds nothing of the failed one."""
    topics = Topics()
    topics.start_failures = 3
    views = Views(topics.follow, tmp_path, unheard, pauses=wait_none())
    await views.start()
    async with asyncio.timeout(60):
        await views.usable.wait()
    assert views.complete
    assert len(topics.followers) == 4
    assert [follower.stopped for follower in topics.followers] == [True, True, True, False]
    assert views.reference is topics.followers[-1].reference
    await views.stop()


async def token_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens are saved after all, and followed meanwhile."""
    monkeypatch.setattr(following, "_SAVE_SECONDS", 0)
    topics = Topics()
    views = Views(topics.follow, tmp_path, unheard, pauses=wait_none())
    fragile = Fragile(views._cache.save)  # noqa: SLF001 - where the mistake is
    monkeypatch.setattr(views._cache, "save", fragile)  # noqa: SLF001
    await views.start()

    async def saved() -> bool:
        return (tmp_path / "tokens.ndjson").exists()

    await aeventually(saved, 60)
    assert views.complete
    assert not topics.followers[0].stopped
    await views.stop()


async def announcement(_tmp_path: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    """The readiness file is written after all."""
    written: list[None] = []
    fragile = Fragile(lambda: written.append(None))

    async def announce() -> None:
        fragile()

    await Watched("announcement", announce, wait=wait_none()).start().ended()
    assert len(written) == 1


@pytest.mark.parametrize(
    "scenario", [spool_drain, spool_writer, raw_partition, reference_views, token_cache, announcement]
)
async def test_no_task_dies_unseen(scenario: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins again, or whoever waits for it is told."""
    await scenario(tmp_path, monkeypatch)


async def test_failures_of_tasks_are_metrics(tmp_path: Path) -> None:
    """Each counts under its task's name, so that one that begins again and again is seen without the log."""
    topics = Topics()
    topics.start_failures = 3
    views = Views(topics.follow, tmp_path, unheard, pauses=wait_none())
    metrics = Metrics()
    before = failures_of(metrics, "reference views")
    await views.start()
    async with asyncio.timeout(10):
        await views.usable.wait()
    await views.stop()

    assert failures_of(metrics, "reference views") == before + 3


def failures_of(metrics: Metrics, task: str) -> float:
    """What Prometheus is told of a task."""
    found = metrics.registry.get_sample_value("telemetry_gateway_task_failures_total", {"task": task})
    return found or 0.0
