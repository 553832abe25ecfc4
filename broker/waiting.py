"""Which partitions have records that wait.

The end of a partition does not say: every transaction ends in a marker that has an offset and is no record, and what a
transaction that was aborted wrote has offsets too. So it is read from where a reader stands, until a committed record
comes or the end.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka.errors import KafkaError

from broker import clients

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiokafka
    from aiokafka import TopicPartition

__all__ = ["Queue", "Waiting", "behind", "queues"]

_READ_MS: Final = 100
# The first record decides: what comes after it is not wanted.
_FETCH_BYTES: Final = 64 << 10
_ERRORS: Final = (KafkaError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits in a partition: offsets from the first record to the end, and when that was written.

    `since` is its timestamp in milliseconds since 1970 UTC; None where nothing waits.
    """

    offsets: int
    since: int | None


@dataclass(slots=True)
class _Look:
    """From `position` on there is no record before `reached`; the one at `reached` was written at `since`, if known."""

    position: int
    reached: int
    since: int | None = None


class Waiting:
    """Asks for waiting records, over a connection of its own that is made at the first question and after a failure.

    What was read once is remembered, so that asking again and again reads nothing twice.

    Attributes:
        bounds: Of the partitions that were last asked for, the first offset that there is and the end.
    """

    def __init__(self, options: Mapping[str, Any], timeout_s: float) -> None:
        """Prepare; `options` connect to Kafka, and an answer takes `timeout_s` seconds at most."""
        self._options = options
        self._timeout_s = timeout_s
        self._consumer: aiokafka.AIOKafkaConsumer | None = None
        self._looks: dict[TopicPartition, _Look] = {}
        self.bounds: dict[TopicPartition, tuple[int, int]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def behind(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """How many offsets there are from the first committed record at or after each position to the end.

        0 where none is: then nothing waits. Raises KafkaError, OSError or TimeoutError where the broker does not tell.
        """
        return {tp: queue.offsets for tp, queue in (await self.queues(positions)).items()}

    async def queues(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, Queue]:
        """The same, and since when the first record waits; raises as `behind`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._queues(await self._connected(), positions)
        except _ERRORS:
            await self.close()
            raise

    async def _connected(self) -> aiokafka.AIOKafkaConsumer:
        if self._consumer is None:
            self._consumer = clients.consumer(
                self._options,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=_FETCH_BYTES,
            )
            await self._consumer.start()
        return self._consumer

    async def _queues(
        self, consumer: aiokafka.AIOKafkaConsumer, positions: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, Queue]:
        if not positions:
            return {}
        # Else it would learn of one topic after the other who leads it, each time a quarter of a second.
        consumer.assign(list(positions))
        consumer.pause(*positions)
        ends = await consumer.end_offsets(list(positions))
        begins = await consumer.beginning_offsets(list(positions))
        self.bounds = {tp: (begins[tp], ends[tp]) for tp in positions}
        looks: dict[TopicPartition, _Look] = {}
        for tp, position in positions.items():
            look = self._looks.get(tp)
            if look is None or look.position != position or look.reached < begins[tp] or look.reached > ends[tp]:
                look = _Look(position, max(position, begins[tp]))
            looks[tp] = look
        self._looks = looks
        await self._read(consumer, ends)
        return {
            tp: Queue(0, None) if look.since is None else Queue(max(0, ends[tp] - look.reached), look.since)
            for tp, look in looks.items()
        }

    async def _read(self, consumer: aiokafka.AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> None:
        """Read on until every partition has a record or has been read to its end."""
        open_ = {tp for tp, look in self._looks.items() if look.since is None and look.reached < ends[tp]}
        if not open_:
            return
        consumer.assign(list(open_))
        for tp in open_:
            consumer.seek(tp, self._looks[tp].reached)
        try:
            while open_:
                for tp, records in (await consumer.getmany(*open_, timeout_ms=_READ_MS)).items():
                    self._looks[tp].reached, self._looks[tp].since = records[0].offset, records[0].timestamp
                for tp in open_:
                    if self._looks[tp].since is None:
                        self._looks[tp].reached = await consumer.position(tp)
                decided = {
                    tp for tp in open_ if self._looks[tp].since is not None or self._looks[tp].reached >= ends[tp]
                }
                consumer.pause(*decided)
                open_ -= decided
        finally:
            consumer.unsubscribe()

    async def close(self) -> None:
        """Close the connection; the next question makes another one."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(consumer.stop(), self._timeout_s)


async def behind(
    options: Mapping[str, Any], positions: Mapping[TopicPartition, int], timeout_s: float
) -> dict[TopicPartition, int]:
    """Ask once; see `Waiting.behind`."""
    async with Waiting(options, timeout_s) as waiting:
        return await waiting.behind(positions)


async def queues(
    options: Mapping[str, Any], positions: Mapping[TopicPartition, int], timeout_s: float
) -> dict[TopicPartition, Queue]:
    """Ask once; see `Waiting.queues`."""
    async with Waiting(options, timeout_s) as waiting:
        return await waiting.queues(positions)
