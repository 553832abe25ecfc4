"""One transactional producer a partition: outputs, changelog and input offset become visible together or not at all."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiokafka
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from broker.clients import bounded
from streams.metrics import WRITTEN, WRITTEN_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from streams.messages import Message

__all__ = ["PartitionProducer", "transactional_id"]

# The coordinator aborts a transaction that is not ended by then; until then it holds every read_committed reader back.
_TRANSACTION_TIMEOUT_MS: Final = 20_000
_ABORT_TIMEOUT_S: Final = 2.0
# A partition's next batch waits until the one before is acknowledged: a chunk's documents go in one, as a rule.
_BATCH_BYTES: Final = 4 << 20
# aiokafka compresses lz4 at its slowest level: zstd is three times as fast there and a third smaller.
_COMPRESSION: Final = "zstd"


def transactional_id(application: str, partition: int) -> str:
    """The id that fences: whoever initialised a producer with it last is the partition's owner."""
    return f"{application}-{partition}"


@dataclass(frozen=True, slots=True)
class Committed:
    """What a transaction wrote: the offset of the last record of each topic partition; unknown ones are left out."""

    last_offsets: Mapping[TopicPartition, int]


class PartitionProducer:
    """Commits chunk after chunk of one input partition; not for concurrent use."""

    def __init__(
        self,
        application: str,
        partition: int,
        options: Mapping[str, Any],
        *,
        max_message_bytes: int,
        timeout_ms: int = _TRANSACTION_TIMEOUT_MS,
    ) -> None:
        self.application = application
        self._producer = bounded(
            aiokafka.AIOKafkaProducer(
                **options,
                transactional_id=transactional_id(application, partition),
                transaction_timeout_ms=timeout_ms,
                compression_type=_COMPRESSION,
                max_batch_size=min(_BATCH_BYTES, max_message_bytes),
                max_request_size=max_message_bytes,
                linger_ms=0,
            )
        )
        self._open = False

    async def start(self) -> None:
        """Fence the previous owner and end its open transaction; what it committed is readable when this returns."""
        await self._producer.start()

    async def stop(self) -> None:
        """Abort what is open, close the connections; in bounded time."""
        with contextlib.suppress(Exception):
            if self._open:
                await asyncio.wait_for(self._producer.abort_transaction(), _ABORT_TIMEOUT_S)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._producer.stop(), _ABORT_TIMEOUT_S)

    async def commit(
        self,
        messages: Mapping[TopicPartition, Sequence[Message]],
        source: TopicPartition,
        offset: int,
        metadata: str,
        *,
        group: str | None = None,
    ) -> Committed:
        """Write the messages and the input offset in one transaction.

        1. begin, 2. produce and wait for every acknowledgement, 3. add the offset, 4. commit. A crash before 4 leaves
        nothing, a crash after it everything. 2 and 3 do not overlap: while an offset is being added the broker cannot
        verify that a partition belongs to the transaction, and refuses the batch for a tenth of a second.

        Raises:
            aiokafka.errors.ProducerFenced: Another process owns the partition now.
            aiokafka.errors.KafkaError: Nothing may be assumed about the transaction; end the process.
        """
        await self._producer.begin_transaction()
        self._open = True
        sent = [(tp, count, ack) for tp, group_ in messages.items() for count, ack in await self._send(tp, group_)]
        # Without this a batch that failed for good would be left out of a transaction that commits.
        acks = await asyncio.gather(*(ack for _, _, ack in sent))
        await self._producer.send_offsets_to_transaction(
            {source: OffsetAndMetadata(offset, metadata)}, group or self.application
        )
        await self._producer.commit_transaction()
        self._open = False
        ends: dict[TopicPartition, int] = {}
        for (tp, count, _), ack in zip(sent, acks, strict=True):
            # A retried batch that the broker had already written comes back without its offset.
            ends[tp] = ack.offset + count - 1 if ack.offset >= 0 else -1
        return Committed({tp: end for tp, end in ends.items() if end >= 0})

    async def _send(self, tp: TopicPartition, messages: Iterable[Message]) -> list[tuple[int, asyncio.Future[Any]]]:
        """Hand over prepared batches: a tenth of the cost of aiokafka's `send` for each message."""
        acks: list[tuple[int, asyncio.Future[Any]]] = []
        batch = self._producer.create_batch()
        for message in messages:
            if _append(batch, message) is None:
                acks.append(await self._send_batch(tp, batch))
                batch = self._producer.create_batch()
                _append(batch, message)
        if batch.record_count():
            acks.append(await self._send_batch(tp, batch))
        return acks

    async def _send_batch(self, tp: TopicPartition, batch: Any) -> tuple[int, asyncio.Future[Any]]:
        count = batch.record_count()
        WRITTEN.labels(tp.topic).inc(count)
        WRITTEN_BYTES.labels(tp.topic).inc(batch.size())
        return count, await self._producer.send_batch(batch, tp.topic, partition=tp.partition)


def _append(batch: Any, message: Message) -> Any:
    """Add a message to a batch; returns None if it does not fit."""
    return batch.append(timestamp=message.timestamp, key=message.key, value=message.value, headers=message.headers)
