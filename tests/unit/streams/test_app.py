"""How much the worker fetches at a time, and what of Faust is off."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any, cast

import faust.transport.consumer as faust_consumer
import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.app import fetch_bytes
from streams.chunk import ChunkLimits
from streams.transport import Consumer
from streams.tuning import Tuning

MIB = 1 << 20


@pytest.mark.parametrize(("partitions", "mebibytes"), [(1, 8), (8, 8), (16, 4), (2_000, 1)])
def test_a_fetch_brings_a_chunk_if_all_partitions_fit_into_the_memory(partitions: int, mebibytes: int) -> None:
    """A partition gets a chunk's bytes, with many its part of the budget, never so little as to crawl."""
    tuning = Tuning(chunk=ChunkLimits(2_000, 8 * MIB), memory_bytes=64 * MIB)

    assert fetch_bytes(tuning, partitions) == mebibytes * MIB


class Ticking:
    """A consumer for Faust's check: it stands still, and the check is made once."""

    commit_interval = 1.0

    def __init__(self) -> None:
        self.checked: list[object] = []
        self.app = self
        self.rebalancing = False
        self.should_stop = False

    async def sleep(self, _seconds: float) -> None:
        """Faust waits."""

    async def itertimer(self, seconds: float, **_options: object) -> Any:
        """One turn of a timer."""
        yield seconds

    def assignment(self) -> set[object]:
        """One partition, of a changelog."""
        return {"changelog"}

    def verify_event_path(self, _now: float, tp: object) -> None:
        """Faust complains here."""
        self.checked.append(tp)


@pytest.mark.parametrize(("kind", "checks"), [(driver.Consumer, ["changelog"]), (Consumer, [])])
async def test_fausts_check_for_standing_still_is_off(kind: type, checks: list[str]) -> None:
    """Faust looks at every partition by `verify_all_partitions_active`; ours looks at none and so reports none."""

    class Checked(Ticking):
        verify_all_partitions_active = cast("Any", kind).verify_all_partitions_active

    detector = faust_consumer.Consumer._commit_livelock_detector  # noqa: SLF001 - what Faust runs
    consumer = Checked()

    await inspect.unwrap(getattr(detector, "fun", detector))(consumer)

    assert consumer.checked == checks


@pytest.mark.parametrize(("topic", "asked"), [("raw", True), ("other", False)])
def test_a_full_queue_leaves_the_chunked_topic_asked(*, topic: str, asked: bool) -> None:
    """Faust asks a partition for nothing while its queue is full; without any from the others it then waits a second.

    Chunks are bounded by the queue and by their bytes, so their partitions stay.
    """
    tp = TP(topic, 3)
    consumer = object.__new__(Consumer)
    consumer.app = cast("Any", SimpleNamespace(chunked_topic="raw", in_recovery=False))
    consumer._active_partitions, consumer._buffered_partitions = {tp}, set()

    consumer.on_buffer_full(tp)

    assert (consumer._get_active_partitions() == {tp}) is asked
