"""Kafka while it acknowledges, the spool while it does not."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Final

import structlog

from gateway.errors import KafkaUnavailableError, SpoolError, UnavailableError

if TYPE_CHECKING:
    from gateway.kafka import RawProducer
    from gateway.publishing import RawRecord
    from gateway.spool import Spool, SpooledRecords

__all__ = ["Delivery"]

_log: Final = structlog.stdlib.get_logger("gateway")

_CHUNK_RECORDS: Final = 500
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 3.0

# aiokafka asks only the brokers that it knows; after this many failures their addresses may have changed.
_FAILURES_BEFORE_RECONNECT: Final = 10


class Delivery:
    """Makes records durable, in the order in which they come.

    Records go to Kafka directly as long as it acknowledges them and the spool is empty. Once it fails to, all go to the
    spool, until that is drained: a later record of a student never overtakes an earlier one. A record whose
    acknowledgement was lost is spooled as well, so it may be in Kafka twice; its receipt tells.
    """

    def __init__(self, producer: RawProducer, spool: Spool) -> None:
        self._producer = producer
        self._spool = spool
        self._direct = False
        self._recovering: asyncio.Task[None] | None = None

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
            self._recover()

    async def stop(self) -> None:
        """Stop draining and disconnect; what is in the spool stays there for the next run."""
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.wait({self._recovering})
        await self._producer.stop()
        await self._spool.close()

    async def publish(self, record: RawRecord) -> int | None:
        """Return when Kafka (its place there) or the spool (None) has the record; raises UnavailableError."""
        if self._direct:
            try:
                return await self._producer.send(record)
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
        self._recover()

    def _recover(self) -> None:
        if self._recovering is None or self._recovering.done():
            self._recovering = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        for failures in itertools.count():
            try:
                await self._drain_once(
                    reconnect=failures % _FAILURES_BEFORE_RECONNECT == _FAILURES_BEFORE_RECONNECT - 1
                )
            except (KafkaUnavailableError, OSError) as error:
                _log.debug("the spool waits", reason=str(error))
                await asyncio.sleep(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**failures))
            else:
                return

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
        records = taken.records
        for begin in range(0, len(records), _CHUNK_RECORDS):
            sent = [self._producer.send(record) for record in records[begin : begin + _CHUNK_RECORDS]]
            outcomes = await asyncio.gather(*sent, return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
            await self._spool.note(taken, begin + len(sent))
        await self._spool.forget(taken)
