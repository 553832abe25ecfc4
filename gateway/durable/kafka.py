"""The producer of the raw topic: acknowledged by all replicas, idempotent, batched by what waits."""

from __future__ import annotations

import asyncio
import functools
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.partitioner import murmur2

from broker import clients
from broker.watched import Watched
from gateway.errors import KafkaUnavailableError, RecordRefusedError
from schemas.caches import cached
from schemas.wire.place import place_at
from schemas.wire.topics import RECORD_OVERHEAD, Topics

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

    from gateway.durable.publishing import RawRecord
    from gateway.metrics import Metrics
    from schemas.settings import Settings

__all__ = ["ACK_SECONDS", "RawProducer"]

_log: Final = structlog.stdlib.get_logger("gateway")

# A healthy broker answers in milliseconds; who has not by now is taken for dead, and the spool is on this machine.
ACK_SECONDS: Final = 3.0

_BEAT_SECONDS: Final = 0.01
_MAX_BATCH_BYTES: Final = 1 << 20
_CLOSE_SECONDS: Final = 5.0
# Only this one of a compacted topic is read.
_REFERENCE_PARTITION: Final = 0
_NOT_CONNECTED: Final = "not connected"

# The broker's answers about a batch that it will not take, whenever it is sent; it takes others.
_REFUSALS: Final = (MessageSizeTooLargeError, RecordListTooLargeError)


@cached(1 << 14, longest=64)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


class _PartitionQueue:
    """One partition's records: one batch on its way, the next ones gather behind it."""

    __slots__ = ("partition", "sent", "task", "waiting")

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.sent: list[asyncio.Future[int]] = []
        self.waiting: deque[tuple[RawRecord, asyncio.Future[int]]] = deque()
        self.task: Watched | None = None


class RawProducer:
    """Sends records to one topic, each partition's in order; the partition is the Java client's for the same key.

    A record whose batch was given up may still arrive: the producer never drops a batch once it is handed over, so that
    what is sent later comes later.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._topic = Topics.of(settings).raw
        self._queues: list[_PartitionQueue] = []
        self._producer: AIOKafkaProducer | None = None
        self._broken = self._one_by_one = False

    async def start(self) -> None:
        """Connect, anew if it was connected, and learn the topic's partitions; raises KafkaUnavailableError."""
        if self._producer is not None:
            await self.stop()
        producer = clients.producer(
            self._settings.kafka_options(),
            max_batch_size=min(_MAX_BATCH_BYTES, self._settings.max_body_bytes + RECORD_OVERHEAD),
            max_request_size=self._settings.max_message_bytes + RECORD_OVERHEAD,
        )
        try:
            await producer.start()
            partitions = await self._used(producer)
        except KafkaError as error:
            await _close(producer)
            raise KafkaUnavailableError(_reason(error)) from error
        self._queues = [_PartitionQueue(partition) for partition in range(partitions)]
        self._producer, self._broken = producer, False

    async def _used(self, producer: AIOKafkaProducer) -> int:
        """How many partitions are written to: where somebody has added some, students stay where they were.

        The completions have as many as `setup` gave to all topics, and those of a copy follow it.
        """
        there, wanted = len(await producer.partitions_for(self._topic)), self._settings.partitions
        if there <= wanted:
            return there
        made = len(await producer.partitions_for(Topics.of(self._settings).completions))
        return wanted if made == wanted else there

    @property
    def connected(self) -> bool:
        """Whether it was started and may go on without another start; the broker may have gone since."""
        return self._producer is not None and not self._broken

    async def probe(self) -> None:
        """Ask a broker for its metadata; raises KafkaUnavailableError if none answers in time."""
        if self._producer is None:
            raise KafkaUnavailableError(_NOT_CONNECTED)
        try:
            async with asyncio.timeout(ACK_SECONDS):
                await self._producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError) as error:
            raise KafkaUnavailableError(_reason(error)) from error

    async def stop(self) -> None:
        """Send what is waiting, for a few seconds at most, and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _close(producer)
        self.give_up("the producer was stopped")

    def send(self, record: RawRecord) -> asyncio.Future[int]:
        """Take a record; the future gives its place in the log when all replicas have it.

        Else it gives KafkaUnavailableError, or RecordRefusedError where this record will never be taken.
        """
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self._producer is None:
            waiter.set_exception(KafkaUnavailableError(_NOT_CONNECTED))
            return waiter
        partition = _hash(record.key) if record.partition is None else record.partition
        queue = self._queues[partition % len(self._queues)]
        queue.waiting.append((record, waiter))
        if queue.task is None:
            run = functools.partial(self._run, queue, self._producer)
            failed = functools.partial(self._failed, queue)
            queue.task = Watched(f"raw partition {queue.partition}", run, failed=failed).start()
        return waiter

    async def put(self, topic: str, key: bytes, value: bytes) -> None:
        """Send a record to a compacted topic; raises KafkaUnavailableError."""
        if self._producer is None:
            raise KafkaUnavailableError(_NOT_CONNECTED)
        try:
            async with asyncio.timeout(ACK_SECONDS):
                await self._producer.send_and_wait(topic, value, key, partition=_REFERENCE_PARTITION)
        except (KafkaError, TimeoutError) as error:
            raise KafkaUnavailableError(_reason(error)) from error

    def give_up(self, reason: str) -> None:
        """Fail whatever waits, each partition's in order; batches that were handed over may still arrive."""
        error = KafkaUnavailableError(reason)
        for queue in self._queues:
            if queue.task is not None:
                queue.task.cancel()
                queue.task = None
            for waiter in (*queue.sent, *(waiter for _, waiter in queue.waiting)):
                if not waiter.done():
                    waiter.set_exception(error)
                    self._metrics.unacknowledged.inc()
            queue.sent.clear()
            queue.waiting.clear()

    async def _run(self, queue: _PartitionQueue, producer: AIOKafkaProducer) -> None:
        while queue.waiting:
            await _beat()
            batch = self._fill(queue, producer.create_batch())
            began = time.perf_counter()
            try:
                async with asyncio.timeout(ACK_SECONDS):
                    sent = await producer.send_batch(batch, self._topic, partition=queue.partition)
                    sent.add_done_callback(_look_at)
                    place = place_at(queue.partition, (await sent).offset)
            except _REFUSALS as error:
                self._refuse(queue, error)
                raise
            for ordinal, waiter in enumerate(queue.sent):
                if not waiter.done():
                    waiter.set_result(place + ordinal)
            self._metrics.ack_seconds.observe(time.perf_counter() - began)
            self._metrics.acknowledged.inc(len(queue.sent))
            queue.sent.clear()
        queue.task = None

    def _refuse(self, queue: _PartitionQueue, error: KafkaError) -> None:
        """Fail a record for good that Kafka will not take; where it refuses several at once, each is tried by itself.

        The broker misses the batch's numbers in what follows, so this connection is of no use any more.
        """
        self._broken = True
        if len(queue.sent) > 1:
            self._one_by_one = True
            return
        message = f"Kafka refuses the record ({_reason(error)}); `learnpack-telemetry setup` sets what topics take."
        _log.error("a record cannot be sent", partition=queue.partition, reason=_reason(error))
        for waiter in queue.sent:
            if not waiter.done():
                waiter.set_exception(RecordRefusedError(message))
        queue.sent.clear()

    def _failed(self, queue: _PartitionQueue, error: Exception) -> None:
        """Leave what waits to the spool, whatever went wrong; the next record begins anew."""
        queue.task = None
        if not isinstance(error, KafkaError | TimeoutError):
            _log.error("sending to Kafka failed unexpectedly", partition=queue.partition, exc_info=error)
        self.give_up(_reason(error))

    def _fill(self, queue: _PartitionQueue, batch: Any) -> Any:
        waiting = queue.waiting
        while waiting:
            (key, value, headers, timestamp, _), waiter = waiting[0]
            if batch.append(timestamp=timestamp, key=key, value=value, headers=headers) is None:
                break
            queue.sent.append(waiter)
            waiting.popleft()
            if self._one_by_one:
                break
        batch.close()
        return batch


async def _beat() -> None:
    """Wait for the next beat, on which the batches of all partitions set out: in one request to each broker."""
    await asyncio.sleep(_BEAT_SECONDS - asyncio.get_running_loop().time() % _BEAT_SECONDS)


async def _close(producer: AIOKafkaProducer) -> None:
    stopping = asyncio.ensure_future(producer.stop())
    done, _ = await asyncio.wait({stopping}, timeout=_CLOSE_SECONDS)
    if not done:
        # Without its sender, stop() waits for nothing any more.
        producer._sender.sender_task.cancel()  # noqa: SLF001 - aiokafka has no way to stop without a broker
        await asyncio.wait({stopping}, timeout=_CLOSE_SECONDS)
    if stopping.done():
        _look_at(stopping)


def _reason(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return f"no acknowledgement within {ACK_SECONDS:g} s" if isinstance(error, TimeoutError) else text


def _look_at(future: asyncio.Future[Any]) -> None:
    """Take note of a failure that nobody waits for any more, which asyncio would report as forgotten."""
    if not future.cancelled():
        future.exception()
