"""Writes the records of an archive into a topic, in transactions with how far it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from operations.raw_log.errors import other_students
from operations.raw_log.progress import Restored
from operations.raw_log.records import copied_headers, copied_partition
from operations.raw_log.target import create_target
from schemas.wire.place import OFFSET_MASK, split_place
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from operations.raw_log.progress import Note
    from operations.raw_log.staging import StagedRecord, Staging
    from schemas.settings import Settings

__all__ = ["RestoreWriter"]


@dataclass(frozen=True, slots=True)
class RestoreWriter:
    """Writes into `target`, which has `partitions`, what `keep` is true for; the producer is transactional.

    `filled` is told how many offsets are filled before, of how many.
    """

    settings: Settings
    producer: Any
    target: str
    partitions: int
    keep: Callable[[Any], bool]
    filled: Callable[[int, int], None]

    async def begin(self, notes: dict[int, Note], begun: Restored) -> Restored:
        """Create the topic, or go on with one that was begun: the archive may have more than it had then.

        Raises RawLogError if others are left out than when it was begun, and aiokafka's KafkaError.
        """
        for number, note in begun.notes.items():
            wanted_note = notes.get(number, note)
            if note.without != wanted_note.without:
                raise other_students(self.target, first=note.without)
            notes[number] = msgspec.structs.replace(wanted_note, end=note.end)
        if not begun.notes:
            ends = {number: note.end for number, note in notes.items()}
            await create_target(self.settings, self.target, self.partitions, ends, self.filled)
        state = Restored({number: begun.offsets.get(number, 0) for number in notes}, notes)
        async with self.producer.transaction():
            await self._commit(state, *notes)
        return state

    async def write(self, staging: Staging, number: int, state: Restored) -> AsyncIterator[tuple[int, int]]:
        """Write what is missing of a partition of the archived log; how many were written and left out, each time."""
        while state.offsets[number] < state.notes[number].goal:
            records = await asyncio.to_thread(staging.page, number, state.offsets[number])
            kept = [record for record in records if self.keep(record)]
            state.offsets[number] = (records[-1].place & OFFSET_MASK) + 1
            async with self.producer.transaction():
                sent = [await self._send(record) for record in kept]
                # Without this a batch that failed for good would be left out of a transaction that commits.
                await asyncio.gather(*sent)
                await self._commit(state, number)
            yield len(kept), len(records) - len(kept)

    async def _send(self, record: StagedRecord) -> asyncio.Future[Any]:
        origin, offset = split_place(record.place)
        sent: asyncio.Future[Any] = await self.producer.send(
            self.target,
            record.value,
            record.key,
            partition=copied_partition(record.key, record.partition, record.partitions, self.partitions),
            timestamp_ms=record.timestamp,
            headers=copied_headers(origin, offset, record.headers),
        )
        return sent

    async def _commit(self, state: Restored, *numbers: int) -> None:
        offsets = {
            TopicPartition(self.target, number): OffsetAndMetadata(
                state.offsets[number], msgspec.json.encode(state.notes[number]).decode()
            )
            for number in numbers
        }
        await self.producer.send_offsets_to_transaction(offsets, Topics.of(self.settings).restores_into(self.target))
