"""Faust transport that hands an agent chunks of records instead of single ones (`chunked://host:port`).

It keeps Faust's group membership, assignment and flow control and replaces what cannot be trusted with exact
processing: a chunk says which offsets it covers (streams.admission judges by that), Faust commits nothing for the
chunked topic (offsets are part of each chunk's transaction), partitions are opened by their owner (streams.ownership),
and every consumer reads committed records only.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from broker.clients import bounded
from streams.chunk import Chunk, ChunkLimits, cut
from streams.metrics import CHUNK_SECONDS
from streams.turns import FIRST_SLICE, Room, Turns, take_turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.memory import MemoryBudget

__all__ = ["ChunkedApp", "Consumer", "ConsumerThread", "Owner", "Transport"]

_BROKER_FETCH_BYTES: Final = 32 << 20
# With so much to fetch the broker does not wait for more.
_FETCH_AT_ONCE_BYTES: Final = 1 << 20


class Owner(Protocol):
    """Who opens and closes the partitions of the chunked topic; called on the application's event loop."""

    def take(self, group_generation: int, partitions: Iterable[int], /) -> None:
        """A new group generation begins with these partitions. Must not block."""

    async def release(self) -> None:
        """The group generation ends: finish or drop what is in flight, in bounded time."""

    def is_open(self, partition: int, /) -> bool:
        """Whether records of the partition may be fetched."""


class ChunkedApp(Protocol):
    """What the transport needs of the Faust application."""

    chunked_topic: str
    chunk_limits: ChunkLimits
    memory_budget: MemoryBudget
    partition_fetch_bytes: int
    fetch_wait_s: float
    kafka_options: Mapping[str, Any]
    owner: Owner
    assignor: Any
    conf: Any


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is untyped
    """Faust's consumer thread, reading committed records and cutting them into chunks."""

    app: ChunkedApp

    def __post_init__(self) -> None:
        super().__post_init__()
        # Up to where each partition was read since the last move, and what a seek asked for and did not give yet.
        self._marks: dict[TopicPartition, int] = {}
        self._sought: dict[TopicPartition, int] = {}
        self._moves = self._marked_at = 0
        self._turns = Turns()

    def _create_worker_consumer(self, _transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = self.app.assignor
        consumer = aiokafka.AIOKafkaConsumer(
            **self.app.kafka_options,
            client_id=conf.broker_client_id,
            group_id=conf.id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            fetch_max_bytes=_BROKER_FETCH_BYTES,
            fetch_min_bytes=_FETCH_AT_ONCE_BYTES,
            fetch_max_wait_ms=int(self.app.fetch_wait_s * 1000),
            max_partition_fetch_bytes=self.app.partition_fetch_bytes,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
        )
        return bounded(consumer)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Never fetch changelogs here: partitions restore their state themselves."""
        self._moves += 1
        self._marks.clear()
        self._sought.clear()
        self._turns = Turns()
        others = [TopicPartition(*tp) for tp in assigned if tp.topic != self.app.chunked_topic]
        self._ensure_consumer().pause(*others)
        await super().on_partitions_assigned(assigned, generation_id)

    async def _seek_wait(self, consumer: Any, partitions: Mapping[TP, int]) -> None:
        self._moves += 1
        self._sought.update((TopicPartition(*tp), offset) for tp, offset in partitions.items())
        await super()._seek_wait(consumer, partitions)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Faust seeks when flow resumes; owners have sought to the same offsets."""
        self._moves += 1
        self._sought.clear()
        committed: Mapping[TP, int] = await super().seek_to_committed()
        return committed

    def _positions(self, partitions: Iterable[TP]) -> dict[TopicPartition, int]:
        subscription = self._ensure_consumer()._subscription.subscription  # noqa: SLF001 - Faust's driver does the same
        assignment = subscription.assignment if subscription is not None else None
        if assignment is None:
            return {}
        states = ((tp, assignment.state_value(tp)) for tp in (TopicPartition(*tp) for tp in partitions))
        return {tp: state.position for tp, state in states if state is not None and state.has_valid_position}

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's signature
        max_records: int | None = None,
    ) -> dict[TP, list[Chunk]]:
        """Fetch until the byte limit or `max_records` is reached, or nothing more is buffered.

        Partitions take turns, a chunk each: aiokafka would give one to its end before the next, and while the only
        partition with chunks commits nothing is computed.
        """
        chunked = {tp for tp in active_partitions if tp.topic == self.app.chunked_topic}
        if not chunked:
            await asyncio.sleep(timeout or 0)
            return {}
        limits, moves, before = self.app.chunk_limits, self._moves, self._positions(chunked)
        # An exception below leaves no marks: who knows what it dropped.
        marks, self._marks = self._marks if self._marked_at == moves else {}, {}
        fetched, began = dict[TopicPartition, list[Any]](), time.perf_counter()
        fetch = partial(super()._fetch_records, consumer)
        room, turns = Room(max_records or limits.records, limits.size), self._turns.order(chunked)
        await take_turns(partial(fetch, timeout=0), turns, room, limits, fetched)
        if not fetched:
            fetched |= await fetch(chunked, timeout=timeout, max_records=FIRST_SLICE)
            for records in fetched.values():
                room.take(records)
            if fetched:
                turns = sorted(turns, key=lambda tp: tp not in fetched)
                await take_turns(partial(fetch, timeout=0), turns, room, limits, fetched)
        self._turns.had(fetched)
        if fetched:
            CHUNK_SECONDS.labels("fetch").observe(time.perf_counter() - began)
        if moves != self._moves:
            fetched = self._read_again(consumer, fetched)
            starts = {tp: records[0].offset for tp, records in fetched.items()}
        else:
            # Markers are passed without a record, also while nothing comes: what follows begins where records ended.
            marks = before | marks
            starts = {tp: min(records[0].offset, marks.get(tp, records[0].offset)) for tp, records in fetched.items()}
            self._marks = marks | {tp: records[-1].offset + 1 for tp, records in fetched.items()}
            self._marked_at = moves
            for tp in fetched:
                self._sought.pop(tp, None)
        return {
            TP(tp.topic, tp.partition): list(cut(tp.topic, tp.partition, starts[tp], records, limits))
            for tp, records in fetched.items()
        }

    def _read_again(self, consumer: Any, fetched: dict[TopicPartition, list[Any]]) -> dict[TopicPartition, list[Any]]:
        """Seek anew where a seek came between: from where these records were read nobody knows. Returns the others."""
        others = {}
        for tp, records in fetched.items():
            if tp in self._sought:
                # It may have been taken away meanwhile.
                with contextlib.suppress(IllegalStateError):
                    consumer.seek(tp, self._sought[tp])
            else:
                others[tp] = records
        return others


class Consumer(driver.Consumer):  # type: ignore[misc]  # Faust is untyped
    """Faust's consumer, without its bookkeeping of offsets for the chunked topic."""

    app: ChunkedApp
    _thread: ConsumerThread

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _is_chunked(self, tp: TP) -> bool:
        return bool(tp.topic == self.app.chunked_topic)

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> Mapping[TP, list[Chunk]]:
        await self.app.memory_budget.room()
        answer: dict[TP, list[Chunk]] = await super()._getmany(active_partitions, timeout)
        fetched = dict(answer)
        # The thread's queue refers to its last answer until the next one: chunks would never be gone.
        answer.clear()
        for tp, chunks in fetched.items():
            self._read_offset[tp] = None
            for chunk in chunks:
                self.app.memory_budget.add(chunk)
        return fetched

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing for the chunked topic: its chunks wait in the stream's queue, and their bytes are counted.

        Faust would ask for records of the other partitions alone and, if these have none, wait a second for some
        whatever this one has.
        """
        if not self._is_chunked(tp):
            super().on_buffer_full(tp)

    def _to_message(self, tp: TP, record: Chunk) -> ConsumerMessage:
        last = record.records[-1]
        return ConsumerMessage(
            record.topic,
            record.partition,
            last.offset,
            last.timestamp / 1000,
            last.timestamp_type,
            (),
            None,
            record,
            None,
            0,
            record.size,
            tp,
            generation_id=self.app.consumer_generation_id,  # type: ignore[attr-defined]  # Faust sets it
        )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if not self._is_chunked(tp):
            await super()._add_gap(tp, offset_from, offset_to)

    def _new_offset(self, tp: TP) -> int | None:
        if not self._is_chunked(tp):
            offset: int | None = super()._new_offset(tp)
            return offset
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return None

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Nothing for Faust to recover: the owner restores a partition before it is fetched."""
        return dict.fromkeys(partitions, 0)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resume those that their owner has opened; the others follow by `resume_at`."""
        super().resume_partitions(
            {tp for tp in tps if not self._is_chunked(tp) or self.app.owner.is_open(tp.partition)}
        )

    async def verify_all_partitions_active(self) -> None:
        """Nothing: Faust's check takes a changelog that nobody fetches for one that stands still; see the watchdog."""

    async def resume_at(self, partition: int, offset: int) -> None:
        """Fetch the partition of the chunked topic from `offset` on.

        Raises aiokafka.errors.IllegalStateError if the partition is not assigned any more.
        """
        tp = TP(self.app.chunked_topic, partition)
        await self.seek_wait({tp: offset})
        super().resume_partitions({tp})

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """End the owner's group generation before Faust does."""
        await self.app.owner.release()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Begin the owner's group generation after Faust has."""
        await super().on_partitions_assigned(assigned, generation_id)
        self.app.owner.take(generation_id, [tp.partition for tp in assigned if self._is_chunked(tp)])


class Transport(driver.Transport):  # type: ignore[misc]  # Faust is untyped
    """The transport behind the `chunked` scheme of `faust.transports`."""

    Consumer: ClassVar[type] = Consumer
