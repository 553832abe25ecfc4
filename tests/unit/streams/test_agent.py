"""The order of the steps that the agent takes a chunk through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from streams.agent import ingest_chunk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from streams.chunk import Chunk
    from streams.prepare import Transaction


class Steps:
    """A partition that admits two runs of records, of which each is committed in two halves, and notes its steps."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def admit(self, _chunk: Chunk) -> AsyncIterator[tuple[Sequence[Any], int]]:
        """Two runs."""
        for end in (2, 4):
            self.taken.append(f"admit to {end}")
            yield [end - 2, end - 1], end

    def process(self, records: Sequence[Any], _end: int) -> Iterator[Transaction]:
        """A half for each record."""
        for record in records:
            self.taken.append(f"process {record}")
            yield cast("Transaction", record)

    async def commit(self, transaction: Transaction) -> int | None:
        """The changelog goes ten times as far."""
        self.taken.append(f"commit {transaction}")
        return 10 * cast("int", transaction)

    def apply_to_table(self, transaction: Transaction, written: int | None) -> None:
        """What the changelog has."""
        self.taken.append(f"apply {transaction} up to {written}")


async def test_each_batch_is_processed_committed_and_applied_before_the_next() -> None:
    """Admit, process, commit, apply: a half sees what the half before it wrote, and a run what the run before did."""
    steps = Steps()

    await ingest_chunk(steps, cast("Chunk", None))

    assert steps.taken == [
        "admit to 2",
        *("process 0", "commit 0", "apply 0 up to 0"),
        *("process 1", "commit 1", "apply 1 up to 10"),
        "admit to 4",
        *("process 2", "commit 2", "apply 2 up to 20"),
        *("process 3", "commit 3", "apply 3 up to 30"),
    ]
