"""Records that wait for their partition's next batch, and those that are on their way."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from aiokafka.partitioner import murmur2

from schemas.caches import cached

if TYPE_CHECKING:
    from gateway.durable.publishing import RawRecord

__all__ = ["PartitionQueue", "Queues", "Round"]

# What waits is worth a request of its own from here on; less waits for the next beat. Of records that is for the whole
# gateway: its processes share the connections, so each has a part of them.
_ENOUGH_RECORDS: Final = 64
_LEAST_ENOUGH: Final = 16
_ENOUGH_BYTES: Final = 256 << 10


@cached(1 << 14, longest=64)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


class Round:
    """Batches of several partitions that set out together; `timer` gives them up when they are not acknowledged."""

    __slots__ = ("began", "left", "timer")

    def __init__(self, timer: asyncio.TimerHandle) -> None:
        self.began = time.perf_counter()
        self.left = 0
        self.timer = timer


class PartitionQueue:
    """One partition's records: one batch on its way, of a round, the next ones gather behind it."""

    __slots__ = ("partition", "round", "sent", "waiting")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.round: Round | None = None
        self.sent: list[asyncio.Future[int]] = []
        self.waiting: deque[tuple[RawRecord, asyncio.Future[int]]] = deque()


class Queues:
    """The queues of all partitions; a record's partition is the Java client's for the same key, unless it names one.

    Attributes:
        waiting: How many records are in no batch yet.
    """

    def __init__(self, partitions: int = 0, processes: int = 1) -> None:
        """Prepare for so many partitions, in one of so many processes of a gateway."""
        self._queues = [PartitionQueue(partition) for partition in range(partitions)]
        self._enough = max(_LEAST_ENOUGH, _ENOUGH_RECORDS // processes)
        self.waiting = self._bytes = self._under_way = 0

    def add(self, record: RawRecord) -> asyncio.Future[int]:
        """Take a record; the future is whoever's who sends it."""
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        partition = _hash(record.key) if record.partition is None else record.partition
        self._queues[partition % len(self._queues)].waiting.append((record, waiter))
        self.waiting += 1
        self._bytes += len(record.value)
        return waiter

    @property
    def worth_a_round(self) -> bool:
        """Whether what waits should not wait for more: there is enough of it, and nothing else is on its way."""
        return not self._under_way and (self.waiting >= self._enough or self._bytes >= _ENOUGH_BYTES)

    def ready(self) -> list[PartitionQueue]:
        """Those with records that wait for no earlier ones."""
        return [queue for queue in self._queues if queue.waiting and queue.round is None]

    def fill(self, queue: PartitionQueue, batch: Any, together: Round, *, one_by_one: bool) -> Any:
        """Move as many records as fit to a batch of a round, or one; the batch, closed."""
        waiting = queue.waiting
        while waiting:
            (key, value, headers, timestamp, _), waiter = waiting[0]
            if batch.append(timestamp=timestamp, key=key, value=value, headers=headers) is None:
                break
            queue.sent.append(waiter)
            waiting.popleft()
            self.waiting -= 1
            self._bytes -= len(value)
            if one_by_one:
                break
        batch.close()
        queue.round = together
        together.left += 1
        self._under_way += 1
        return batch

    def acknowledge(self, queue: PartitionQueue, place: int) -> int:
        """Tell those whose records were in a queue's batch, which is at this place in the log; how many there were."""
        sent, queue.sent = queue.sent, []
        for ordinal, waiter in enumerate(sent):
            if not waiter.done():
                waiter.set_result(place + ordinal)
        if queue.round is not None:
            queue.round.left -= 1
            if not queue.round.left:
                queue.round.timer.cancel()
            queue.round = None
            self._under_way -= 1
        return len(sent)

    def fail(self, error: Exception) -> int:
        """Fail whatever waits or is on its way, each partition's in order; how many had not failed before."""
        failed = 0
        for queue in self._queues:
            if queue.round is not None:
                queue.round.timer.cancel()
                queue.round = None
            for waiter in (*queue.sent, *(waiter for _, waiter in queue.waiting)):
                if not waiter.done():
                    waiter.set_exception(error)
                    failed += 1
            queue.sent = []
            queue.waiting.clear()
        self.waiting = self._bytes = self._under_way = 0
        return failed
