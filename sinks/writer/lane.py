"""One topic's way into ClickHouse: cut a block of all its partitions, store it, commit how far that is, go on.

A sink that is taken for dead may have a block under way, which arrives when others have long gone on. So whoever takes
partitions over stores a row that means nothing under the very token which that block would have: ClickHouse keeps only
the first of the two. What the former owner may have stored is stored again, and replaces itself: see
docs/adr/0031-one-block-a-table.md.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from broker.clickhouse_errors import Failure, failure_of, one_line
from broker.tracing import logged
from sinks.metrics import note_stored
from sinks.writer.block import full_name
from sinks.writer.buffer import Backlog, Buffer
from sinks.writer.refusals import Refusals
from sinks.writer.routes import LINES
from sinks.writer.traced import begin_span, with_parents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aiokafka import ConsumerRecord, TopicPartition

    from broker.tracing import Tracer
    from sinks.writer.block import Block, LineId, Piece
    from sinks.writer.bookmark import Bookmark
    from sinks.writer.buffer import Limits
    from sinks.writer.commits import Commits
    from sinks.writer.dead_letters import DeadLetters
    from sinks.writer.inserter import Inserter
    from sinks.writer.routes import Route

__all__ = ["Lane"]

_GAP_SECONDS: Final = 1.0


class Lane:
    """The writer of one topic's partitions for the time of one assignment."""

    def __init__(
        self,
        route: Route,
        bookmarks: Mapping[TopicPartition, Bookmark],
        run: int,
        commits: Commits,
        *,
        limits: Limits,
        inserter: Inserter,
        dead_letters: DeadLetters,
        tracer: Tracer | None = None,
    ) -> None:
        """Begin at bookmarks of one topic, one at least; no other assignment, of any sink, has the number `run`."""
        self._route = route
        self._commits = commits
        self._inserter = inserter
        self._topic_id = next(iter(bookmarks.values())).topic_id
        self._refusals = Refusals(route, inserter, dead_letters)
        self._tracer = tracer
        self._changed = asyncio.Event()
        self._draining = False
        self.buffers = {partition: Buffer(partition, found, run) for partition, found in bookmarks.items()}
        self._backlog = Backlog(self.buffers.values(), limits, route.beat)

    def add(self, partition: TopicPartition, records: Sequence[ConsumerRecord], position: int) -> None:
        """Take records of a partition in offset order; `position` is the offset after everything read."""
        pieces: Iterator[Piece] = map(self._route.decode, records)
        if self._tracer is not None:
            pieces = with_parents(records, pieces)
        self.buffers[partition].add(pieces, position, time.monotonic())
        self._changed.set()

    def drain(self) -> None:
        """Begin no further block; `run` returns after the one in hand."""
        self._draining = True
        self._changed.set()

    async def run(self) -> None:
        """Store blocks until drained. Run it twice at once to have one block under way while the next is made.

        Before the first block of a partition: 1. Store a row that means nothing under the name that was found there.
        2. Commit a name of our own; a crash from here on makes the next owner take that one away.

        Per block: 1. Send the dead letters of what cannot be stored. 2. Insert into each table. 3. Commit the ends, and
        with them the next names.

        Raises FencedError when the partitions are another sink's, SinkError when a block cannot be stored at all.
        """
        while not self._draining:
            self._changed.clear()
            now = time.monotonic()
            if unsettled := self._unsettled():
                await self._settle(unsettled)
            elif (seconds := self._backlog.wait(now)) != 0:
                await self._wait(_GAP_SECONDS if seconds is None else seconds)
            elif now < self._commits.vouched:
                block = self._backlog.cut(now)
                with logged(span := begin_span(self._tracer, self._route, block)):
                    await self._store(block)
                if span is not None:
                    span.end()
            else:
                # What is cut is read while it is ours: so whatever arrives late is older than what others do then.
                await self._record(self._backlog.waiting())

    async def release(self) -> None:
        """Commit that nothing is under way where nothing is, so that the next owner has nothing to take away."""
        idle = [buffer for buffer in self.buffers.values() if buffer.settled and not buffer.busy]
        for buffer in idle:
            buffer.name = None
        if idle:
            await self._record(idle)

    def _unsettled(self) -> list[Buffer]:
        """Partitions whose found names can be taken away now: where no row means nothing, one of their own serves."""
        found = (buffer for buffer in self.buffers.values() if not buffer.settled and not buffer.busy)
        return [buffer for buffer in found if buffer.name is None or all(self._nothing(buffer))]

    def _nothing(self, buffer: Buffer) -> list[bytes]:
        own = buffer.first_rows() or (b"",) * len(self._route.targets)
        return [target.stand_in or body for target, body in zip(self._route.targets, own, strict=True)]

    async def _settle(self, buffers: list[Buffer]) -> None:
        for buffer in buffers:
            buffer.busy = True
        for buffer in buffers:
            if buffer.name is not None:
                await self._insert(full_name(buffer.partition, buffer.name), self._nothing(buffer), [buffer])
        for buffer in buffers:
            buffer.settle()
        await self._record(buffers)
        self._free(buffers)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            # So that the group's lag is 0 where the log ends in a transaction's marker.
            if moved := self._skip_gaps():
                await self._record(moved)

    def _skip_gaps(self) -> list[Buffer]:
        return [buffer for buffer in self.buffers.values() if buffer.skip()]

    async def _record(self, buffers: Iterable[Buffer]) -> None:
        await self._commits.record({buffer.partition: buffer.bookmark for buffer in buffers})

    def _free(self, buffers: Iterable[Buffer]) -> None:
        for buffer in buffers:
            buffer.busy = False
        self._changed.set()

    async def _store(self, block: Block) -> None:
        buffers = [self.buffers[part.partition] for part in block.slices]
        await self._refusals.bury_undecodable(block)
        refused: dict[LineId, str] = {}
        while True:
            bodies = [block.body(index, refused) for index in range(len(self._route.targets))]
            try:
                await self._insert(block.name, bodies, buffers)
                break
            except Exception as error:
                if failure_of(error) is not Failure.DATA or self._route.format != LINES:
                    raise
                more = await self._refusals.find(block, refused, one_line(error))
            await self._refusals.bury_lines(block, more)
            refused |= more
        self._refusals.judge(block, refused)
        note_stored(self._route, block, len(refused), bodies)
        for buffer, part in zip(buffers, block.slices, strict=True):
            buffer.move(part.end)
        await self._record([*buffers, *self._skip_gaps()])
        self._free(buffers)

    async def _insert(self, name: str, bodies: Iterable[bytes], buffers: list[Buffer]) -> None:
        async def vouched() -> float:
            while time.monotonic() >= self._commits.vouched:
                await self._record(buffers)
            return self._commits.vouched

        for target, body in zip(self._route.targets, bodies, strict=True):
            if body:
                await self._inserter.insert(self._route, target, f"{self._topic_id}/{name}", body, vouched)
