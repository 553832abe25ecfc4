"""The producer of the raw topic: acknowledged by all replicas, idempotent, batched by what waits."""

from __future__ import annotations

import asyncio
import functools
import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from broker import clients
from broker.watched import Watched
from gateway.durable.queues import Queues, Round
from gateway.errors import KafkaUnavailableError, RecordRefusedError
from schemas.errors import text_of
from schemas.wire.place import place_at
from schemas.wire.topics import RECORD_OVERHEAD, Topics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka import AIOKafkaProducer

    from gateway.durable.publishing import RawRecord
    from gateway.durable.queues import PartitionQueue
    from gateway.metrics import Metrics
    from schemas.settings import Settings

__all__ = ["ACK_SECONDS", "RawProducer"]

_log: Final = structlog.stdlib.get_logger("gateway")

# A healthy broker answers in milliseconds; who has not by now is taken for dead, and the spool is on this machine.
ACK_SECONDS: Final = 3.0

# What waits sets out on a beat, in one request to each broker; sooner if it is much (gateway.durable.queues).
_BEAT_SECONDS: Final = 0.01
_MAX_BATCH_BYTES: Final = 1 << 20
# Only this one of a compacted topic is read.
_REFERENCE_PARTITION: Final = 0
_NOT_CONNECTED: Final = "not connected"

# The broker's answers about a batch that it will not take, whenever it is sent; it takes others.
_REFUSALS: Final = (MessageSizeTooLargeError, RecordListTooLargeError)


class RawProducer:
    """Sends records to one topic, each partition's in order, those of all partitions on one beat.

    A record whose batch was given up may still arrive: the producer never drops a batch once it is handed over, so that
    what is sent later comes later.
    """

    def __init__(self, settings: Settings, metrics: Metrics, processes: int = 1) -> None:
        """Prepare to connect, in one of so many processes of a gateway."""
        self._settings = settings
        self._metrics = metrics
        self._processes = processes
        self._topic = Topics.of(settings).raw
        self._queues = Queues()
        self._sending: Watched | None = None
        self._due: asyncio.Future[None] | None = None
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
            await producer.stop()
            raise KafkaUnavailableError(_reason(error)) from error
        self._queues = Queues(partitions, self._processes)
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
            await producer.stop()
        self.give_up("the producer was stopped")

    def send(self, record: RawRecord) -> asyncio.Future[int]:
        """Take a record; the future gives its place in the log when all replicas have it.

        Else it gives KafkaUnavailableError, or RecordRefusedError where this record will never be taken.
        """
        if self._producer is None:
            waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            waiter.set_exception(KafkaUnavailableError(_NOT_CONNECTED))
            return waiter
        waiter = self._queues.add(record)
        if self._sending is None:
            run = functools.partial(self._run, self._producer)
            self._sending = Watched("raw topic", run, failed=self._failed).start()
        else:
            self._hurry()
        return waiter

    async def put(self, topic: str, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Send keys and values to a compacted topic, in their order; raises KafkaUnavailableError.

        Some of them may be there or still arrive then: to send all of them again does no harm.
        """
        if self._producer is None:
            raise KafkaUnavailableError(_NOT_CONNECTED)
        try:
            async with asyncio.timeout(ACK_SECONDS):
                sent = [
                    await self._producer.send(topic, value, key, partition=_REFERENCE_PARTITION)
                    for key, value in records
                ]
                await asyncio.gather(*sent)
        except (KafkaError, TimeoutError) as error:
            raise KafkaUnavailableError(_reason(error)) from error

    def give_up(self, reason: str) -> None:
        """Fail whatever waits, each partition's in order; batches that were handed over may still arrive."""
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        self._metrics.unacknowledged.inc(self._queues.fail(KafkaUnavailableError(reason)))

    async def _run(self, producer: AIOKafkaProducer) -> None:
        """Send what waits, one round after another, until nothing waits."""
        while self._queues.waiting:
            await self._beat()
            if ready := self._queues.ready():
                await self._send_round(producer, ready)
        self._sending = None

    async def _beat(self) -> None:
        """Wait for the next beat, on which all that waits sets out, or until there is enough of it (`_hurry`)."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = self._due = loop.create_future()
        timer = loop.call_at(now - now % _BEAT_SECONDS + _BEAT_SECONDS, _wake, due)
        self._hurry()
        try:
            await due
        finally:
            timer.cancel()
            if self._due is due:
                self._due = None

    def _hurry(self) -> None:
        """Let what waits set out before the beat, if that is worth a request of its own."""
        if self._due is not None and self._queues.worth_a_round:
            _wake(self._due)

    async def _send_round(self, producer: AIOKafkaProducer, ready: list[PartitionQueue]) -> None:
        """Hand a batch of each partition to aiokafka, which sends those of one broker in one request."""
        together = Round(asyncio.get_running_loop().call_later(ACK_SECONDS, self._overdue))
        try:
            async with asyncio.timeout(ACK_SECONDS):
                for queue in ready:
                    batch = self._queues.fill(queue, producer.create_batch(), together, one_by_one=self._one_by_one)
                    sent = await producer.send_batch(batch, self._topic, partition=queue.partition)
                    sent.add_done_callback(functools.partial(self._ended, queue, together))
        except BaseException:
            together.timer.cancel()
            raise

    def _ended(self, queue: PartitionQueue, together: Round, sent: asyncio.Future[Any]) -> None:
        """Tell those whose records were in a batch that it is acknowledged, or why it is not."""
        error = asyncio.CancelledError() if sent.cancelled() else sent.exception()
        if queue.round is not together:
            # Given up: nobody waits for it any more.
            return
        if error is not None:
            if isinstance(error, _REFUSALS):
                self._refuse(queue, error)
            self._failed(error)
            return
        self._metrics.ack_seconds.observe(time.perf_counter() - together.began)
        place = place_at(queue.partition, sent.result().offset)
        self._metrics.acknowledged.inc(self._queues.acknowledge(queue, place))
        self._hurry()

    def _overdue(self) -> None:
        self._failed(TimeoutError())

    def _refuse(self, queue: PartitionQueue, error: KafkaError) -> None:
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

    def _failed(self, error: BaseException) -> None:
        """Leave what waits to the spool, whatever went wrong; the next record begins anew."""
        if not isinstance(error, KafkaError | TimeoutError):
            _log.error("sending to Kafka failed unexpectedly", exc_info=error)
        self.give_up(_reason(error))


def _wake(due: asyncio.Future[None]) -> None:
    if not due.done():
        due.set_result(None)


def _reason(error: BaseException) -> str:
    text = text_of(error)
    return f"no acknowledgement within {ACK_SECONDS:g} s" if isinstance(error, TimeoutError) else text
