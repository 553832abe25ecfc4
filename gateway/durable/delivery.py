"""Kafka while it acknowledges, the spool while it does not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from broker.watched import Watched
from gateway.errors import KafkaUnavailableError, RecordRefusedError, SpoolError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenacity.wait import wait_base

    from gateway.durable.kafka import RawProducer
    from gateway.durable.publishing import RawRecord
    from gateway.durable.spool import Spool, SpooledRecords

__all__ = ["Delivery"]

_log: Final = structlog.stdlib.get_logger("gateway")

_CHUNK_RECORDS: Final = 500
_PAUSES: Final = wait_exponential_jitter(multiplier=0.2, max=3.0, jitter=0.1)

# After this many failures it is the producer itself that may be at fault.
_FAILURES_BEFORE_RECONNECT: Final = 10


class Delivery:
    """Makes records durable, in the order in which they come.

    Records go to Kafka directly as long as it acknowledges them and the spool is empty. Once it fails to, all go to the
    spool, until that is drained: a later record of a student never overtakes an earlier one. A record whose
    acknowledgement was lost is spooled as well, so it may be in Kafka twice; its receipt tells.
    """

    def __init__(self, producer: RawProducer, spool: Spool, *, pauses: wait_base = _PAUSES) -> None:
        self._producer = producer
        self._spool = spool
        self._direct = False
        self._pauses = pauses
        self._refused: set[int] = set()
        self._recovering = Watched("spool drain", self._drain, wait=pauses)

    @property
    def direct(self) -> bool:
        """Whether records go to Kafka without the spool."""
        return self._direct

    async def start(self) -> None:
        """Open the spool, try to connect once, and begin to drain if that is needed; raises SpoolError."""
        await self._spool.open()
        if self._spool.records:
            _log.info("the spool holds webhooks of an earlier run", records=self._spool.records)
        try:
            await self._producer.start()
            self._direct = self._spool.empty
        except KafkaUnavailableError as error:
            _log.warning("Kafka does not answer; webhooks go to the spool", reason=str(error))
        if not self._direct:
            self._recovering.start()

    async def stop(self) -> None:
        """Stop draining and disconnect; what is in the spool stays there for the next run."""
        await self._recovering.stop()
        await self._producer.stop()
        await self._spool.close()

    async def publish(self, record: RawRecord) -> int | None:
        """Return when Kafka (its place there) or the spool (None) has the record; raises UnavailableError."""
        if self._direct:
            try:
                return await self._producer.send(record)
            except RecordRefusedError as error:
                # It has cost the connection, too: the others go to the spool until there is another one.
                self._leave_direct(str(error))
                raise UnavailableError(str(error)) from error
            except KafkaUnavailableError as error:
                self._leave_direct(str(error))
        # Nothing may be awaited from here until the spool counts the record: recovery ends when it is empty.
        try:
            await self._spool.append(record)
        except SpoolError as error:
            raise UnavailableError(str(error)) from error
        return None

    def _leave_direct(self, reason: str) -> None:
        if self._direct:
            _log.warning("Kafka does not acknowledge; webhooks go to the spool", reason=reason)
        self._direct = False
        self._recovering.start()

    async def _drain(self) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((KafkaUnavailableError, OSError)), wait=self._pauses
        ):
            with attempt:
                failures = attempt.retry_state.attempt_number - 1
                reconnect = failures % _FAILURES_BEFORE_RECONNECT == _FAILURES_BEFORE_RECONNECT - 1
                await self._drain_once(reconnect=reconnect)

    async def _drain_once(self, *, reconnect: bool) -> None:
        """Drain the spool and go back to sending directly; raises KafkaUnavailableError and OSError."""
        if reconnect or not self._producer.connected:
            await self._producer.start()
        await self._producer.probe()
        drained = 0
        while not self._direct:
            taken = await self._spool.oldest()
            if taken is not None:
                await self._send(taken)
                drained += len(taken.records)
            elif self._spool.empty:
                self._direct = True
        _log.info("Kafka acknowledges again; the spool is drained", records=drained)

    async def _send(self, taken: SpooledRecords) -> None:
        if taken.segment.damaged_bytes:
            _log.error("part of the spool cannot be read and is kept aside", bytes=taken.segment.damaged_bytes)
        records = list(zip(taken.records, taken.marks, strict=True))
        for begin in range(0, len(records), _CHUNK_RECORDS):
            chunk = records[begin : begin + _CHUNK_RECORDS]
            await self._send_chunk([(record, mark) for record, mark in chunk if mark not in self._refused])
            await self._spool.note(taken, begin + len(chunk))
        refused = [record for record, mark in records if mark in self._refused]
        await self._spool.forget(taken, sum(len(record.value) for record in refused))
        self._refused.difference_update(taken.marks)

    async def _send_chunk(self, chunk: Sequence[tuple[RawRecord, int]]) -> None:
        """Send records; raises KafkaUnavailableError, also where one is refused, which is left out the next time."""
        outcomes = await asyncio.gather(*(self._producer.send(record) for record, _ in chunk), return_exceptions=True)
        for (_, mark), outcome in zip(chunk, outcomes, strict=True):
            if isinstance(outcome, RecordRefusedError):
                self._refused.add(mark)
        for outcome in outcomes:
            if isinstance(outcome, RecordRefusedError):
                raise KafkaUnavailableError(str(outcome)) from outcome
            if isinstance(outcome, BaseException):
                raise outcome
