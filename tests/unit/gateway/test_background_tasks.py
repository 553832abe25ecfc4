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
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gateway.following import Follow
    from schemas.reference.lookup import Reference

SHA = "a" * 64
TOKEN = b'{"user_id": 1}'
BUG = RuntimeError("a mistake that nobody thought of")


def unheard(error: BaseException) -> None:
    """For views that must not fail."""
    raise error


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


class Topics:
    """Stands for the reference topics: followers of it apply what they are told to."""

    def __init__(self) -> None:
        self.followers: list[Topics.Follower] = []
        self.start_failures = 0
        self.records: list[tuple[bytes, bytes | None]] = [(SHA.encode(), TOKEN)]

    class Follower:
        """One follower."""

        def __init__(self, topics: Topics, reference: Reference, failed: Callable[[BaseException], None]) -> None:
            self.complete = asyncio.Event()
            self.reference = reference
            self.failed = failed
            self.stopped = False
            self._topics = topics

        async def start(self) -> None:
            """Apply everything, unless it is to fail."""
            if self._topics.start_failures:
                self._topics.start_failures -= 1
                raise BUG
            for key, value in self._topics.records:
                self.reference.apply("tokens", key, value)
            self.complete.set()

        async def stop(self) -> None:
            """Apply nothing any more."""
            self.stopped = True

    @property
    def follow(self) -> Follow:
        """What the views are made with."""

        def follow(reference: Reference, failed: Callable[[BaseException], None]) -> Topics.Follower:
            self.followers.append(Topics.Follower(self, reference, failed))
            return self.followers[-1]

        return follow


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


async def test_no_token_outlives_the_view(tmp_path: Path) -> None:
    """When the follower fails, its owner hears of it and no token is good any more: it may have been revoked."""
    topics = Topics()
    heard: list[BaseException] = []
    views = Views(topics.follow, tmp_path, heard.append, pauses=wait_none())
    await views.start()
    async with asyncio.timeout(60):
        await views.usable.wait()
    assert views.token(SHA) is not None

    topics.followers[0].failed(BUG)

    assert heard == [BUG]
    assert not views.complete
    assert views.token(SHA) is None
    await views.stop()


async def test_a_revoked_token_never_comes_back(tmp_path: Path) -> None:
    """Not from the tokens of an earlier run either, once the topics have been read."""
    topics = Topics()
    first = Views(topics.follow, tmp_path, unheard, pauses=wait_none())
    await first.start()

    async def saved() -> bool:
        return (tmp_path / "tokens.ndjson").exists()

    await aeventually(saved, 60)
    await first.stop()
    topics.records = [(SHA.encode(), None)]
    second = Views(topics.follow, tmp_path, unheard, pauses=wait_none())
    await second.start()

    async def complete() -> bool:
        return second.complete

    await aeventually(complete, 60)
    assert second.token(SHA) is None
    second._complete = False  # noqa: SLF001 - as between two followers
    assert second.token(SHA) is None
    await second.stop()


async def test_tokens_outlive_a_topic_that_was_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic without any record revokes nothing, and what is kept on disk stays; its first record counts again."""
    monkeypatch.setattr(following, "_SAVE_SECONDS", 0.01)
    topics = Topics()
    first = Views(topics.follow, tmp_path, unheard, pauses=wait_none())
    await first.start()
    file = tmp_path / "tokens.ndjson"

    async def saved() -> bool:
        return file.exists() and bool(file.read_bytes())

    await aeventually(saved, 60)
    await first.stop()
    before = file.read_bytes()
    topics.records = []
    second = Views(topics.follow, tmp_path, unheard, pauses=wait_none())
    await second.start()

    async def complete() -> bool:
        return second.complete

    await aeventually(complete, 60)
    assert second.token(SHA) is not None
    assert file.read_bytes() == before
    second.reference.apply("tokens", b"%064x" % 1, TOKEN)
    assert second.token(SHA) is None

    async def written() -> bool:
        return file.read_bytes() not in {b"", before}

    await aeventually(written, 60)
    await second.stop()


async def test_tokens_that_change_while_they_are_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is saved is what was in force at one moment, however many come and go meanwhile."""
    monkeypatch.setattr(following, "_SAVE_SECONDS", 0)
    topics = Topics()
    topics.records = [(b"%064x" % number, TOKEN) for number in range(20_000)]
    views = Views(topics.follow, tmp_path, unheard, pauses=wait_none())
    failures: list[BaseException] = []
    save = views._cache.save  # noqa: SLF001 - looked at from outside

    def noting(tokens: Any) -> None:
        try:
            save(tokens)
        except BaseException as error:
            failures.append(error)
            raise

    monkeypatch.setattr(views._cache, "save", noting)  # noqa: SLF001
    await views.start()
    async with asyncio.timeout(60):
        await views.usable.wait()
    for number in range(20_000, 40_000):
        views.reference.apply("tokens", b"%064x" % number, TOKEN)
        if number % 100 == 0:
            await asyncio.sleep(0)
    await views.stop()

    assert failures == []


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
