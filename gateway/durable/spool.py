"""Webhooks on disk while Kafka does not answer: synced in groups, bounded, drained in order."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from broker.watched import Watched
from gateway.durable.publishing import RawRecord
from gateway.durable.spool_files import SpoolFiles
from gateway.errors import SpoolError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gateway.durable.spool_files import Segment

__all__ = ["Spool", "SpooledRecords"]

_log: Final = structlog.stdlib.get_logger("gateway")

_decode = msgspec.msgpack.Decoder(tuple[bytes, bytes, list[tuple[str, bytes]], int, int | None]).decode
_encode = msgspec.msgpack.Encoder().encode


class SpooledRecords:
    """The oldest records of the spool, in order; `marks` tell them from each other within this process."""

    def __init__(self, segment: Segment) -> None:
        self.records: list[RawRecord] = []
        self.marks: list[int] = []
        unreadable = 0
        for payload in segment.payloads:
            try:
                self.records.append(RawRecord(*_decode(payload)))
                self.marks.append(hash(payload))
            except msgspec.MsgspecError:
                # Whole, but not what this version writes: it must not hold up what comes after it.
                unreadable += len(payload)
        self._segment = segment._replace(damaged_bytes=segment.damaged_bytes + unreadable)

    @property
    def segment(self) -> Segment:
        """Where they are; `damaged_bytes` counts what is no record."""
        return self._segment


class Spool:
    """A bounded queue of records on disk; `max_bytes` bounds its files.

    Attributes:
        records: How many records wait.
        damaged: How many damaged segments there were when last counted.
        limit: The most bytes that it takes.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self.records = self.damaged = 0
        self._files = SpoolFiles(directory)
        self.limit = max_bytes
        self._oldest_at = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._waiting_bytes = 0
        self._writing = Watched("spool writer", self._write)

    @property
    def size(self) -> int:
        """Bytes of its files and of what is about to be written to them."""
        return self._files.size + self._waiting_bytes

    @property
    def age(self) -> float:
        """How many seconds ago the oldest webhook arrived that waits; 0 where none does."""
        return max(0.0, time.time() - self._oldest_at) if self.records else 0.0

    @property
    def empty(self) -> bool:
        """Whether nothing waits, on disk or on its way there."""
        return self._files.size == 0 and not self._waiting and not self._writing.running

    async def open(self) -> None:
        """Take the directory and count what an earlier process left; raises SpoolError."""
        self.records = await self._in_thread(self._files.open)
        if self.records:
            await self._first()
        await self.damaged_segments()

    async def close(self) -> None:
        """Let go of the directory; what is in it stays."""
        await self._writing.ended()
        await self._in_thread(self._files.close)
        self._thread.shutdown()

    async def append(self, record: RawRecord) -> None:
        """Return when the disk has the record; raises SpoolError if it is full or fails."""
        payload = _encode(tuple(record))
        if self.size + len(payload) > self.limit:
            message = f"the spool holds {self.limit} bytes; raise TELEMETRY_SPOOL_MAX_BYTES or mend Kafka."
            raise SpoolError(message)
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append((payload, waiter))
        self._waiting_bytes += len(payload)
        self._writing.start()
        await waiter

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                await self._write_group(group)
            finally:
                self._waiting_bytes -= sum(len(payload) for payload, _ in group)

    async def _write_group(self, group: list[tuple[bytes, asyncio.Future[None]]]) -> None:
        try:
            await self._in_thread(self._files.append, [payload for payload, _ in group])
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever for the disk
            if not isinstance(error, OSError):
                _log.error("the spool failed unexpectedly", exc_info=error)
            reason = getattr(error, "strerror", None) or error
            failure = SpoolError(f"the spool cannot be written: {reason}. Free space or mend the disk.")
            for _, waiter in group:
                if not waiter.done():
                    waiter.set_exception(failure)
            return
        if not self.records:
            self._oldest_at = time.time()
        self.records += len(group)
        for _, waiter in group:
            if not waiter.done():
                waiter.set_result(None)

    async def oldest(self) -> SpooledRecords | None:
        """The oldest records, or None if there are none; the same again until they are forgotten."""
        return await self._first()

    async def _first(self) -> SpooledRecords | None:
        segment = await self._in_thread(self._files.oldest)
        taken = None if segment is None else SpooledRecords(segment)
        if taken is not None and taken.records:
            self._oldest_at = taken.records[0].timestamp / 1000
        return taken

    async def note(self, taken: SpooledRecords, drained: int) -> None:
        """Remember that the first `drained` of these records are in Kafka."""
        await self._in_thread(self._files.note, taken.segment, taken.segment.drained + drained)

    async def damaged_segments(self) -> int:
        """How many files are kept aside because part of them cannot be read, until somebody takes them away."""
        self.damaged = int(await self._in_thread(self._files.damaged))
        return self.damaged

    async def forget(self, taken: SpooledRecords, refused_bytes: int = 0) -> None:
        """Delete these records, for Kafka has them; so many bytes of them can never be sent: then keep them aside."""
        kept = taken.segment._replace(damaged_bytes=taken.segment.damaged_bytes + refused_bytes)
        await self._in_thread(self._files.drop, kept)
        if kept.damaged_bytes:
            await self.damaged_segments()
        # A group whose write failed may have left frames that were never counted.
        self.records = max(0, self.records - len(taken.records))

    async def _in_thread(self, work: Callable[..., Any], /, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
