"""One partition's way into ClickHouse: cut a block, record it, store it, go on."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from sinks.clickhouse import Failure, failure_of, one_line
from sinks.writer.bookmark import Bookmark, Intent
from sinks.writer.buffer import Buffer
from sinks.writer.insertion import Insertion
from sinks.writer.refusals import Refusals
from sinks.writer.routes import LINES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiokafka import ConsumerRecord, TopicPartition

    from sinks.writer.bookmark import LineId
    from sinks.writer.buffer import Block, Limits
    from sinks.writer.commits import Commits
    from sinks.writer.dead_letters import DeadLetters
    from sinks.writer.inserter import Inserter
    from sinks.writer.routes import Route

__all__ = ["Lane"]

# Half the assignment timeout of the group: a partition cannot have gone to another sink that soon after Kafka took our
# bookmark, so an insert may begin until then.
_FENCE_SECONDS: Final = 3.0
_GAP_SECONDS: Final = 1.0
_BEFORE_RESTART: Final = "refused by ClickHouse before a restart of the sink"


class Lane:
    """The writer of one partition for the time of one assignment."""

    def __init__(
        self,
        partition: TopicPartition,
        route: Route,
        bookmark: Bookmark,
        *,
        limits: Limits,
        inserter: Inserter,
        commits: Commits,
        dead_letters: DeadLetters,
    ) -> None:
        """Begin at `bookmark`; its intent, if any, is the first block."""
        self._partition = partition
        self._route = route
        self._topic_id = bookmark.topic_id
        self._resumed = bookmark.intent
        self._commits = commits
        self._turn = inserter.turn(partition.topic)
        self._insertion = Insertion(partition, bookmark.topic_id, route, inserter)
        self._refusals = Refusals(partition, route, inserter, dead_letters)
        self._changed = asyncio.Event()
        self._vouched = 0.0
        self._draining = False
        self.buffer = Buffer(bookmark, limits)

    def add(self, records: Sequence[ConsumerRecord], position: int) -> None:
        """Take records in offset order; `position` is the offset after everything read."""
        self.buffer.add(map(self._route.decode, records), position, time.monotonic())
        self._changed.set()

    def drain(self) -> None:
        """Begin no further block; `run` returns after the one in hand."""
        self._draining = True
        self._changed.set()

    async def run(self) -> None:
        """Store blocks until drained.

        Per block: 1. Record its range; a crash from here on makes the next owner send this very block. 2. Send the dead
        letters of what cannot be stored. 3. Insert into each table under the block's token. 4. Commit its end, together
        with the next block's range if one is due.

        Raises FencedError when the partition is another sink's, SinkError when the block cannot be stored at all.
        """
        committed = True
        while not self._draining:
            self._changed.clear()
            if self.buffer.due(time.monotonic()):
                async with self._turn:
                    committed = not await self._store_next() and committed
            elif not committed:
                await self._record(self.buffer.start, None)
                committed = True
            else:
                await self._wait()
        if not committed:
            await self._record(self.buffer.start, None)

    async def _store_next(self) -> bool:
        block = None if self._draining else self.buffer.cut(time.monotonic())
        if block is None:
            return False
        await self._store(block)
        return True

    async def _wait(self) -> None:
        timeout = self.buffer.wait(time.monotonic())
        try:
            async with asyncio.timeout(_GAP_SECONDS if timeout is None else timeout):
                await self._changed.wait()
        except TimeoutError:
            # So that the group's lag is 0 where the log ends in a transaction's marker.
            if self.buffer.skip():
                await self._record(self.buffer.start, None)

    async def _record(self, offset: int, intent: Intent | None) -> None:
        asked = time.monotonic()
        await self._commits.record(self._partition, Bookmark(self._topic_id, offset, intent))
        self._vouched = asked + _FENCE_SECONDS

    async def _store(self, block: Block) -> None:
        intent, self._resumed = self._resumed or Intent(block.end), None
        await self._record(block.first, intent)
        await self._refusals.bury_undecodable(block)
        await self._refusals.bury_lines(block, dict.fromkeys(intent.excluded, _BEFORE_RESTART))
        while (refused := await self._insert(block, intent)) is not None:
            intent = Intent(block.end, tuple(sorted({*intent.excluded, *refused})))
            await self._record(block.first, intent)
            await self._refusals.bury_lines(block, refused)
        self._refusals.judge(block, intent.excluded)

    async def _insert(self, block: Block, intent: Intent) -> dict[LineId, str] | None:
        """Insert a recorded block; the lines that are refused with their reasons, or None once it is stored."""

        async def vouched() -> float:
            if time.monotonic() >= self._vouched:
                await self._record(block.first, intent)
            return self._vouched

        try:
            await self._insertion.insert(block, intent.excluded, vouched)
        except Exception as error:
            if failure_of(error) is not Failure.DATA or self._route.format != LINES:
                raise
            return await self._refusals.find(block, intent.excluded, one_line(error))
        return None
