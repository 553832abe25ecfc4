"""A system on three brokers under load, faults of brokers while it lasts, and what became of each webhook.

Every webhook has a number, which raw topic and tables keep. A standstill is the longest time between two webhooks that
were answered `ok`, or between two moments at which a committed reader found new facts in a partition.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson
from aiokafka import TopicPartition

from broker import clients
from gateway.durable.spool_files import SEGMENT
from operations.directory import load_reference
from schemas.wire.topics import Topics
from streams.core.policy import Policy
from tests.chaos.broker_faults import Brokers
from tests.chaos.checker import check
from tests.chaos.folds import RealFold
from tests.chaos.kafka import is_caught_up, read_all
from tests.chaos.load import webhooks
from tests.chaos.replay_trial import Keeper
from tests.support.gateway_load import Load
from tests.support.http_system import UNLIMITED, http_system
from tests.support.replay import comparison, journal, start_replay
from tests.support.stack import Stack
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from deploy.local.kafka import KafkaCluster
    from schemas.settings import Settings
    from tests.chaos.broker_faults import Fault
    from tests.support.http_system import HttpSystem

__all__ = ["PARTITIONS", "Row", "Trial", "trial"]

PARTITIONS: Final = 4

_SETTLED_SECONDS: Final = 600
_RECOMPUTED_SECONDS: Final = 1_800
_CHUNK: Final = 200
_POLL_MS: Final = 100
# The webhooks go on, and what stood begins to move, before the next fault.
_BETWEEN_SECONDS: Final = (3.0, 6.0)


@dataclass(frozen=True, slots=True)
class Row:
    """What a fault did, in seconds and in webhooks that were accepted from its beginning to the next one's."""

    fault: str
    until_answered: float
    until_facts: float
    webhooks: int
    lost: int
    doubled: int


class _Facts:
    """Reads the facts as they are committed and keeps when there were new ones in each partition."""

    def __init__(self, settings: Settings) -> None:
        self.times: list[list[float]] = [[] for _ in range(settings.partitions)]
        self._settings = settings

    async def run(self) -> None:
        """Go on until cancelled."""
        topic = Topics.of(self._settings).facts
        async with clients.opened(clients.consumer(self._settings.kafka_options())) as reader:
            reader.assign([TopicPartition(topic, number) for number in range(self._settings.partitions)])
            await reader.seek_to_beginning()
            while True:
                found = await reader.getmany(timeout_ms=_POLL_MS)
                for tp in found:
                    self.times[tp.partition].append(time.monotonic())


class _Traffic:
    """The load on all gateways and the reader of what comes of it, in a thread of their own."""

    def __init__(self, loads: Sequence[Load], facts: _Facts) -> None:
        self.loads = list(loads)
        self.facts = facts
        self.failures: list[BaseException] = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def start(self) -> None:
        """Begin to send, and wait until each gateway has answered and each partition has facts."""
        self._thread.start()
        eventually(lambda: all(len(times) > 1 for times in self.moving), _SETTLED_SECONDS, "webhooks and facts")

    def stop(self) -> None:
        """Send nothing more, and wait for all answers."""
        for load in self.loads:
            load.stop()
        self._thread.join()

    @property
    def moving(self) -> list[list[float]]:
        """When each gateway answered, and when each partition had new facts."""
        return [load.times for load in self.loads] + self.facts.times

    async def _run(self) -> None:
        reading = asyncio.create_task(self.facts.run())
        try:
            await asyncio.gather(*(load.run() for load in self.loads))
        except BaseException as error:
            self.failures.append(error)
            raise
        finally:
            reading.cancel()
            (ended,) = await asyncio.gather(reading, return_exceptions=True)
            if not isinstance(ended, asyncio.CancelledError):
                self.failures.append(ended or AssertionError("the reader ended"))

    @property
    def accepted(self) -> dict[int, float]:
        """When each number was answered `ok`."""
        return {number: at for load in self.loads for number, at in zip(load.accepted, load.times, strict=False)}


@dataclass
class Trial:
    """A running system; `happen` lets something happen to it, `finish` says what became of everything."""

    system: HttpSystem
    brokers: Brokers
    keeper: Keeper
    traffic: _Traffic
    random: random.Random
    _windows: list[tuple[str, float, float]] = field(default_factory=list)

    def happen(self, fault: Fault) -> tuple[float, float]:
        """Let it happen and wait until all is as before; returns the longest standstills of answers and of facts."""
        time.sleep(self.random.uniform(*_BETWEEN_SECONDS))
        began = time.monotonic()
        fault.happen(self.brokers, self.random)
        over = time.monotonic()
        self.brokers.wait_until_whole()
        eventually(
            lambda: all(times[-1] > over for times in self.traffic.moving), _SETTLED_SECONDS, "everything to move"
        )
        self._windows.append((fault.name, began, time.monotonic()))
        return self._standstills(began, time.monotonic())

    def _standstills(self, began: float, ended: float) -> tuple[float, float]:
        answered = max(_longest(load.times, began, ended) for load in self.traffic.loads)
        return answered, max(_longest(times, began, ended) for times in self.traffic.facts.times)

    def finish(self) -> tuple[list[Row], str]:
        """Send nothing more, wait until all is processed and stored, and look at each webhook.

        Returns a row a fault, and what else there is to tell; raises AssertionError where anything is wrong that no
        row tells: a request that was refused, a row that differs from a recomputation, a ledger with a difference.
        """
        self.traffic.stop()
        assert not self.traffic.failures, self.traffic.failures
        refused = sum((load.refused for load in self.traffic.loads), Counter())
        assert not refused, refused
        assert not sum(load.unanswered for load in self.traffic.loads)
        settings, accepted = self.system.settings, self.traffic.accepted
        report = self._settle()
        numbers = asyncio.run(_numbers(settings))
        seen = Counter(numbers)
        judged, stored = self._outcomes(numbers)
        lost = {number for number in accepted if not judged[number]}
        doubled = {number for number, times in stored.items() if times > 1}
        assert self.system.query("SELECT count() - uniqExact(item_id) FROM events") == [(0,)]
        recomputed = start_replay(self.system, "--dry-run")
        assert recomputed.process.wait(_RECOMPUTED_SECONDS) == 0, recomputed.output
        assert comparison(self.system, journal(settings).last)["equal"], recomputed.output
        rows = self._rows(accepted, lost, doubled)
        again = sum(seen.values()) - len(seen)
        return rows, (
            f"{len(accepted)} webhooks accepted, none refused; {len(lost)} lost, {len(doubled)} doubled; the log has "
            f"{again} of them twice, known by their receipts. Topics and a fold: {report}. Tables and their "
            f"recomputation are equal, the ledger's difference is 0. Ends of parts: {dict(self.keeper.ends) or 'none'}."
        )

    def _settle(self) -> str:
        settings = self.system.settings
        eventually(self._drained, _SETTLED_SECONDS, "empty spools")
        eventually(lambda: asyncio.run(is_caught_up(settings)), _SETTLED_SECONDS, "the workers to catch up")
        reference = asyncio.run(load_reference(settings))
        report = asyncio.run(check(settings, RealFold(Policy.of(settings), _CHUNK, reference)))
        assert report.is_exact, str(report)
        query = "SELECT sum(received), sum(pending), sum(dead), max(abs(difference)) FROM ledger"
        wanted = [(report.records, 0, 0, 0)]
        eventually(lambda: self.system.query(query) == wanted, _SETTLED_SECONDS, f"the ledger's {wanted}")
        return str(report)

    def _drained(self) -> bool:
        spools = [self.system.settings.spool, *self.system.directory.glob("gateway-*/spool")]
        return not any(list(spool.rglob(f"*{SEGMENT}")) for spool in spools)

    def _outcomes(self, numbers: Sequence[int]) -> tuple[Mapping[int, int], Mapping[int, int]]:
        """How many outcomes each number has in ClickHouse, and how many of them say that it was stored.

        One that the log has twice is stored once, and then a repeat; what is stale is so each time.
        """
        rows = self.system.query(
            "SELECT JSONExtractInt(payload, 'number') AS number,"
            " countIf(status != 'PENDING'), countIf(verdict = 'stored') FROM webhook_log GROUP BY number"
        )
        assert {number for number, *_ in rows} == {*numbers}
        judged = Counter({int(number): int(count) for number, count, _ in rows})
        return judged, Counter({int(number): int(count) for number, _, count in rows})

    def _rows(self, accepted: Mapping[int, float], lost: set[int], doubled: set[int]) -> list[Row]:
        rows = []
        for (name, began, ended), following in itertools.zip_longest(self._windows, self._windows[1:]):
            until = following[1] if following else float("inf")
            within = {number for number, at in accepted.items() if began <= at < until}
            answered, facts = self._standstills(began, ended)
            rows.append(Row(name, answered, facts, len(within), len(lost & within), len(doubled & within)))
        return rows


def _longest(times: Sequence[float], began: float, ended: float) -> float:
    """The longest time without any of `times` between two moments."""
    points = [began, *(at for at in list(times) if began < at < ended), ended]
    return max(later - earlier for earlier, later in itertools.pairwise(points))


async def _numbers(settings: Settings) -> list[int]:
    """The number of each webhook in the raw topic."""
    read = await read_all(settings.kafka, Topics.of(settings).raw, settings.partitions)
    return [orjson.loads(record.value)["number"] for records in read for record in records]


@contextlib.contextmanager
def trial(cluster: KafkaCluster, clickhouse: str, directory: Path, rate: float, seed: int) -> Iterator[Trial]:
    """Two gateways, two workers and a sink on running brokers, under a load that ends with the block."""
    rnd = random.Random(seed)  # noqa: S311 - repeatable
    sent = webhooks(10_000_000, rnd, students=200)

    def body(_student: int, number: int) -> str:
        return orjson.dumps({**orjson.loads(next(sent).value or b""), "number": number}).decode()

    stack = Stack(kafka=cluster.bootstrap, clickhouse=clickhouse)
    options = {"directory": "open", "partitions": PARTITIONS, "replication": len(cluster.nodes)}
    with (
        http_system(stack, directory, parts=("gateway",), **options) as system,
        system.another_gateway(**UNLIMITED) as second,
        Keeper(system, "worker-1", "worker-2", "sink") as keeper,
    ):
        numbers = itertools.count()
        loads = [Load(one.settings.gateway_bind, rate / 2, body, numbers) for one in (system, second)]
        traffic = _Traffic(loads, _Facts(system.settings))
        brokers = Brokers(cluster, system.settings)
        running = Trial(system, brokers, keeper, traffic, random.Random(seed))  # noqa: S311 - as above
        try:
            traffic.start()
            yield running
        finally:
            traffic.stop()
