"""The watchdog ends a worker that stands still while webhooks wait, and no other."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from broker.waiting import Queue, Waiting
from schemas.exits import ExitCode
from streams.admission import Admission
from streams.metrics import LAG
from streams.watchdog import Watchdog
from tests.chaos.kafka import create_topics, produce, transact
from tests.support.waiting import aeventually
from tests.system.workers import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


@dataclass
class Owned:
    """A partition that nobody works on."""

    admission: Admission = field(default_factory=lambda: Admission(0))


@dataclass
class Owner:
    """An owner that does nothing."""

    group_generation: int | None = 1
    partitions: dict[int, Owned] = field(default_factory=lambda: {0: Owned()})

    def is_open(self, partition: int) -> bool:
        """As of one whose partitions are all open."""
        return partition in self.partitions


async def test_a_partition_that_stands_still_with_lag_ends_the_worker(settings: SettingsFactory) -> None:
    """Nothing happens without lag; with a record waiting the process is ended with its own exit code."""
    own, codes = settings(partitions=1), list[ExitCode]()
    topics = await create_topics(own)

    def end(code: ExitCode, *_message: Any, **_fields: Any) -> Any:
        codes.append(code)

    watchdog = Watchdog(Owner(), topics.raw, own.kafka_options(), 1.5, end)  # type: ignore[arg-type]  # stands in
    with _looks() as looks:
        watchdog.start()
        try:
            await aeventually(lambda: _said(looks, 5), 60, "looks over more than the patience")
            assert codes == []
            await produce(own.kafka, topics.raw, [(0, b"u", b"{}", [])])
            await aeventually(lambda: _ended(codes), 60, "the watchdog")
        finally:
            await watchdog.stop()

    assert codes[0] is ExitCode.STALLED


@pytest.mark.parametrize("commit", [True, False])
async def test_a_partition_that_ends_in_a_marker_has_nothing_that_waits(
    settings: SettingsFactory, *, commit: bool
) -> None:
    """What ends a transaction has an offset and is no webhook, nor is what was taken back: the worker goes on."""
    own, codes = settings(partitions=1), list[ExitCode]()
    topics = await create_topics(own)
    await transact(own.kafka, topics.raw, [(0, b"u", b"{}")], commit=commit)
    owner = Owner(partitions={0: Owned(Admission(1 if commit else 0))})

    def end(code: ExitCode, *_message: Any, **_fields: Any) -> Any:
        codes.append(code)

    watchdog = Watchdog(owner, topics.raw, own.kafka_options(), 6.0, end)  # type: ignore[arg-type]  # stands in
    with _looks() as looks:
        watchdog.start()
        try:
            await aeventually(lambda: _said(looks, 5), 90, "looks over more than the patience")
        finally:
            await watchdog.stop()

    assert codes == []
    assert [[queue.offsets for queue in found.values()] for found in looks] == [[0]] * len(looks)


@contextlib.contextmanager
def _looks() -> Iterator[list[dict[Any, Queue]]]:
    """What the watchdog was told about lag, look by look."""
    looks: list[dict[Any, Queue]] = []
    ask = Waiting.queues

    async def queues(self: Waiting, positions: Any) -> dict[Any, Queue]:
        found = await ask(self, positions)
        looks.append(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Waiting, "queues", queues)
        yield looks


async def _said(looks: list[Any], count: int) -> bool:
    return len(looks) >= count


async def _ended(codes: list[ExitCode]) -> bool:
    return bool(codes)


async def test_who_has_no_partition_any_more_tells_of_no_lag(settings: SettingsFactory) -> None:
    """The figures of one that another worker has by now go with it, instead of counting on for ever."""
    own, owner = settings(partitions=1), Owner()
    topics = await create_topics(own)
    await produce(own.kafka, topics.raw, [(0, b"u", b"{}", [])])

    def end(*_arguments: Any, **_fields: Any) -> Any:
        raise AssertionError

    watchdog = Watchdog(owner, topics.raw, own.kafka_options(), 3600.0, end)  # type: ignore[arg-type]  # stands in
    watchdog.start()
    try:
        await aeventually(lambda: _tells(("0",)), 60, "lag of the partition")
        owner.partitions.clear()
        await aeventually(_tells, 60, "lag of none")
    finally:
        await watchdog.stop()


async def _tells(*partitions: tuple[str, ...]) -> bool:
    """Whether lag is told of these partitions and no others."""
    told = {tuple(sample.labels.values()) for family in LAG.collect() for sample in family.samples}
    return told == set(partitions)


def test_a_loop_that_does_not_turn_ends_the_worker(
    settings: SettingsFactory, processes: Processes, tmp_path: Path
) -> None:
    """A record on which the core never ends stops the process from outside the loop."""
    bench = Bench(settings(partitions=1), processes, tmp_path)
    bench.send([b'{"sleep": 3600}'])

    worker = bench.start(stall_s=4)

    assert worker.process.wait(60) == ExitCode.STALLED
    assert "the event loop has not turned" in worker.output
