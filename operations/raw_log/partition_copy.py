"""One partition of a copy: reads the source, and writes its records and the offset in transactions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiokafka.structs import OffsetAndMetadata

from broker import clients
from broker.reading import written_ends
from operations.raw_log.producer import transactional_producer
from operations.raw_log.records import copied_headers, copied_partition, place_of
from schemas.wire.place import split_place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiokafka import TopicPartition

    from schemas.settings import Settings

__all__ = ["PartitionCopy"]

_READ_MS: Final = 500
_READ_BYTES: Final = 4 << 20


class PartitionCopy:
    """Copies one partition of the source.

    `end` is where that ended when the copy was started, `note` the text that is kept beside the offset.
    """

    def __init__(
        self,
        settings: Settings,
        source: TopicPartition,
        target: str,
        partitions: tuple[int, int],
        *,
        group: str,
        keep: Callable[[Any], bool],
        restored: Mapping[int, int],
        behind: bool = False,
    ) -> None:
        """Copy into `target`; `partitions` are the source's and the target's, `group` keeps the offsets.

        `restored` are the offsets, by partition, up to which an archive has brought the log; `behind` says whether it
        has history before it, which was imported.
        """
        self.source = source
        self.end = 0
        self._settings = settings
        self._target = target
        self._partitions = partitions
        self._group = group
        self._keep = keep
        self._restored = restored
        self._behind = behind
        self.note = ""
        self._position = 0
        options: dict[str, Any] = settings.kafka_options()
        self._consumer = clients.consumer(
            options,
            max_partition_fetch_bytes=max(_READ_BYTES, settings.max_message_bytes),
        )
        self._producer = transactional_producer(settings, f"{group}.{source.partition}")

    @property
    def missing(self) -> int:
        """Offsets that are still to come."""
        return max(0, self.end - self._position)

    async def start(self) -> None:
        """Fence another copier and go to where the source begins."""
        await self._consumer.start()
        await self._producer.start()
        self._consumer.assign([self.source])
        # An import may have ended just before: what it wrote is waited for until it is seen.
        self.end = (await written_ends(self._settings, self.source.topic, [self.source.partition]))[
            self.source.partition
        ]
        self._go_to((await self._consumer.beginning_offsets([self.source]))[self.source])

    def go_on(self, committed: OffsetAndMetadata) -> None:
        """Go to where the copy ends, unless the source begins behind that."""
        self.note = committed.metadata
        self._go_to(max(self._position, committed.offset))

    async def stop(self) -> None:
        """Close the connections; what was not committed is aborted."""
        try:
            await self._producer.stop()
        finally:
            await self._consumer.stop()

    async def begin(self, note: str) -> None:
        """Commit where the copy begins, with a note that stays beside the offset."""
        self.note = note
        async with self._producer.transaction():
            await self._offset()

    async def copy_some(self) -> tuple[int, int]:
        """Copy the next records in one transaction; how many were copied, and how many left out."""
        read = await self._consumer.getmany(self.source, timeout_ms=_READ_MS)
        before_end = [record for record in read.get(self.source, ()) if record.offset < self.end]
        records = [record for record in before_end if not self._is_there(record)]
        kept = [record for record in records if self._keep(record)]
        self._position = before_end[-1].offset + 1 if before_end else await self._consumer.position(self.source)
        async with self._producer.transaction():
            sent = [await self._send(record) for record in kept]
            # Without this a batch that failed for good would be left out of a transaction that commits.
            await asyncio.gather(*sent)
            await self._offset()
        return len(kept), len(records) - len(kept)

    def _is_there(self, record: Any) -> bool:
        partition, offset = split_place(place_of(record.partition, record.offset, record.headers))
        return offset < self._restored.get(partition, 0)

    async def _send(self, record: Any) -> asyncio.Future[Any]:
        partition = copied_partition(record.key, record.partition, *self._partitions)
        headers = copied_headers(record.partition, record.offset, record.headers, behind=self._behind)
        sent: asyncio.Future[Any] = await self._producer.send(
            self._target, record.value, record.key, partition=partition, timestamp_ms=record.timestamp, headers=headers
        )
        return sent

    def _go_to(self, offset: int) -> None:
        self._position = offset
        self._consumer.seek(self.source, offset)

    async def _offset(self) -> None:
        offsets = {self.source: OffsetAndMetadata(self._position, self.note)}
        await self._producer.send_offsets_to_transaction(offsets, self._group)
