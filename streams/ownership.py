"""Which partitions this process owns in the current group generation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from streams.metrics import OPEN, REBALANCES
from streams.partition import Partition
from streams.surplus import Surplus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streams.chunk import Chunk
    from streams.context import PartitionContext

__all__ = ["Ownership"]

_log: Final = structlog.stdlib.get_logger("streams")

# A chunk in flight may finish within this; well below the session timeout, so that the group does not wait for us.
_PATIENCE_S: Final = 4.0


class Ownership:
    """Opens partitions when a group generation begins, closes all when it ends; drops chunks of no current owner."""

    def __init__(
        self, context: Callable[[], PartitionContext], *, on_ready: Callable[[], None], on_unready: Callable[[], None]
    ) -> None:
        self.group_generation: int | None = None
        self.partitions: dict[int, Partition] = {}
        # How many partitions have state; beyond them, records are moved.
        self.home = 0
        self._context = context
        self._on_ready = on_ready
        self._on_unready = on_unready
        self._is_ready = False

    def take(self, group_generation: int, partitions: Iterable[int]) -> None:
        """Begin a group generation: everything known of the one before is forgotten."""
        self.group_generation = group_generation
        REBALANCES.inc()
        context = self._context()
        self.partitions = {number: self._partition(number, context) for number in sorted(partitions)}
        _log.info("partitions assigned", group_generation=group_generation, partitions=sorted(self.partitions))
        self._opened()

    def _partition(self, number: int, context: PartitionContext) -> Partition:
        if 0 < self.home <= number:
            return Surplus(number, context, self._opened, home=self.home)
        return Partition(number, context, self._opened)

    async def release(self) -> None:
        """End it: chunks in flight are finished or aborted within seconds, nothing is admitted any more."""
        self.group_generation = None
        self._is_ready = False
        self._on_unready()
        OPEN.set(0)
        released, self.partitions = self.partitions, {}
        await asyncio.gather(*(partition.close(_PATIENCE_S) for partition in released.values()))

    def is_open(self, partition: int) -> bool:
        """Whether the partition's state is restored and its records may be fetched."""
        owned = self.partitions.get(partition)
        return owned is not None and owned.is_open

    async def submit(self, chunk: Chunk, group_generation: int) -> None:
        """Pass a chunk on to its partition; one of another group generation or of a partition not open is dropped.

        Dropping is safe: the partition's position stays, so the records are read again.
        """
        owned = self.partitions.get(chunk.partition)
        if group_generation == self.group_generation and owned is not None and owned.is_open:
            await owned.put(chunk)

    def wake(self, partition: int) -> None:
        """Tell the partition, if it is open, that there is something beside chunks to do."""
        owned = self.partitions.get(partition)
        if owned is not None and owned.is_open:
            owned.wake()

    def _opened(self, _partition: Partition | None = None) -> None:
        OPEN.set(sum(owned.is_open for owned in self.partitions.values()))
        is_open = self.group_generation is not None and all(owned.is_open for owned in self.partitions.values())
        if is_open and not self._is_ready:
            self._is_ready = True
            self._on_ready()
