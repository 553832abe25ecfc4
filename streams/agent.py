"""The agent: the steps that every chunk of webhooks is taken through, in their order, and nothing else.

Faust runs `ingest` over the chunks of all assigned partitions. Each goes to the task of its partition, which takes it
through `ingest_chunk` while other partitions work on theirs. Why those tasks are not Faust's `isolated_partitions`:
docs/adr/0029-partitions-have-tasks-of-our-own.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from faust.streams import current_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
    from typing import Any

    from streams.chunk import Chunk
    from streams.prepare import Transaction

__all__ = ["Ingestion", "Partitions", "ingest", "ingest_chunk"]


class Partitions(Protocol):
    """The partitions of this process (streams.ownership)."""

    async def submit(self, chunk: Chunk, group_generation: int, /) -> None:
        """Queue a chunk for its partition's task; waits while that has enough to do."""


class Ingestion(Protocol):
    """The steps of one partition (streams.partition)."""

    def admit(self, chunk: Chunk, /) -> AsyncIterator[tuple[Sequence[Any], int]]:
        """The records of a chunk that come next, and the offset to commit after them."""

    def process(self, records: Sequence[Any], end: int, /) -> Iterator[Transaction]:
        """What records lead to, transaction by transaction."""

    async def commit(self, transaction: Transaction, /) -> int | None:
        """Make it visible; returns how far the changelog goes."""

    def apply_to_table(self, transaction: Transaction, written: int | None, /) -> None:
        """Know it from now on."""


async def ingest(stream: AsyncIterable[Chunk], partitions: Partitions) -> None:
    """Give each chunk to the partition that it is of, which takes it through `ingest_chunk`.

    A chunk that was fetched in an earlier group generation is dropped: it is read again.
    """
    async for chunk in stream:
        await partitions.submit(chunk, current_event().message.generation_id)


async def ingest_chunk(partition: Ingestion, chunk: Chunk) -> None:
    """Take a chunk through the steps of exactly-once processing; whatever one of them raises ends the process.

    1. Admit: its records from the partition's position on. None if all of them were processed, or if records before it
       are missing; then those are read again. A replay waits here for the live generation.
    2. Process: rules, deduplication and state (streams.core.chunk). Nothing has changed yet.
    3. Commit: outputs, changelog and input offset, in one transaction.
    4. Apply the changes of state to the table. If the process ends before that, its successor finds them in the
       changelog.

    Records that are too much for one transaction are processed and committed in halves, the second one after the first
    was applied.
    """
    async for records, end in partition.admit(chunk):
        for transaction in partition.process(records, end):
            written = await partition.commit(transaction)
            partition.apply_to_table(transaction, written)
