"""The writer of a partition, crashed at any moment, restarted with other block sizes, over logs with gaps."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from clickhouse_connect.driver.exceptions import DatabaseError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from schemas.wire.rows import EVENTS
from sinks.templates import Installation
from sinks.writer.bookmark import Bookmark
from sinks.writer.buffer import Limits, Piece
from sinks.writer.lane import Lane
from sinks.writer.routes import LINES, Route, Target
from tests.support.examples import examples

if TYPE_CHECKING:
    from sinks.writer.dead_letters import Letter

PARTITION = TopicPartition("facts", 3)
BAD = b"bad"


class Crash(BaseException):
    """The process dies here."""


class World:
    """What outlives a crash: the group's committed offset, ClickHouse's rows and tokens, the dead letters."""

    def __init__(self) -> None:
        self.committed: tuple[int, str] | None = None
        self.rows: list[bytes] = []
        self.tokens: dict[str, set[bytes]] = {}
        self.letters: list[Letter] = []
        self.crash_in: int | None = None
        self.crash_after_effect = False
        self.client = None
        self.installation = Installation("telemetry", 1)

    def _crash(self, *, after: bool) -> None:
        if self.crash_in is None or after != self.crash_after_effect:
            return
        self.crash_in -= 1
        if self.crash_in < 0:
            raise Crash

    async def record(self, partition: TopicPartition, bookmark: Bookmark) -> None:
        """Commit a bookmark."""
        assert partition == PARTITION
        self._crash(after=False)
        self.committed = (bookmark.offset, bookmark.metadata())
        self._crash(after=True)

    def turn(self, topic: str) -> asyncio.Semaphore:
        """Nobody else wants one."""
        del topic
        return asyncio.Semaphore(1)

    async def insert(self, target: Target, form: str, body: bytes, name: str, until: float) -> None:
        """Insert a block as ClickHouse does: all or nothing, a known token changes nothing."""
        del target, form, until
        self._crash(after=False)
        lines = body.splitlines()
        if any(line.startswith(BAD) for line in lines):
            message = "refused"
            raise DatabaseError(message, code=27)
        if name not in self.tokens:
            self.rows += lines
        # A second try may lack rows that retention or compaction has removed since; it never has others.
        assert set(lines) <= self.tokens.setdefault(name, set(lines)), f"the token {name} stands for two blocks"
        self._crash(after=True)

    async def call(self, function: Any, client: None, table: Any, lines: list[bytes]) -> dict[int, str]:
        """Find the refused lines."""
        del function, client, table
        return {index: "refused" for index, line in enumerate(lines) if line.startswith(BAD)}

    async def send(self, letter: Letter) -> None:
        """Take a dead letter."""
        self._crash(after=False)
        self.letters.append(letter)
        self._crash(after=True)


def decode(record: Any) -> Piece:
    """A record of the log as its route would decode it."""
    return Piece(record.offset, (record.body,), record.body.count(b"\n"))


ROUTE = Route(PARTITION.topic, (Target(EVENTS),), LINES, decode)


class ExactlyOnce(RuleBasedStateMachine):
    """Every row of the log is in the table once, or in the dead letters; never twice in the table."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.log: list[Any] = []
        self.end = 0
        self.compacted: set[bytes] = set()

    @rule(bad=st.lists(st.booleans(), max_size=4), gap=st.integers(0, 2))
    def produce(self, bad: list[bool], gap: int) -> None:
        """Append a record of so many rows and, after it, offsets that no reader sees."""
        rows = [(BAD if flag else b"good") + b"-%d-%d" % (self.end, number) for number, flag in enumerate(bad)]
        body = b"".join(row + b"\n" for row in rows)
        self.log.append(SimpleNamespace(offset=self.end, body=body, rows=rows))
        self.end += 1 + gap

    @rule(data=st.data())
    def compact(self, data: st.DataObject) -> None:
        """Remove a record that is not the last one."""
        if len(self.log) > 1:
            record = self.log.pop(data.draw(st.integers(0, len(self.log) - 2)))
            self.compacted.update(record.rows)

    @rule(
        most=st.integers(1, 6),
        read=st.integers(0, 20),
        crash_in=st.none() | st.integers(0, 8),
        after=st.booleans(),
    )
    def run(self, most: int, read: int, crash_in: int | None, after: bool) -> None:  # noqa: FBT001 - drawn
        """Start a sink that reads so many records and stops, or dies at one of its effects."""
        self.world.crash_in, self.world.crash_after_effect = crash_in, after
        try:
            asyncio.run(self._run(most, read))
        except Crash:
            pass
        finally:
            self.world.crash_in = None

    async def _run(self, most: int, read: int) -> None:
        world = self.world
        found = Bookmark.read("id", *world.committed) if world.committed else None
        bookmark = found or Bookmark("id", 0)
        world_: Any = world
        lane = Lane(
            PARTITION,
            ROUTE,
            bookmark,
            limits=Limits(rows=most, linger=0, interval=0),
            inserter=world_,
            commits=world_,
            dead_letters=world_,
        )
        records = [record for record in self.log if record.offset >= bookmark.offset][:read]
        seen_all = not records or records[-1] is self.log[-1]
        position = self.end if seen_all and read else (records[-1].offset + 1 if records else bookmark.offset)
        lane.add(records, position)
        running = asyncio.create_task(lane.run())
        for _ in range(50 * (len(records) + 1)):
            await asyncio.sleep(0)
        lane.drain()
        await running

    @invariant()
    def never_twice(self) -> None:
        """No row is in the table twice, merged or not."""
        assert len(self.world.rows) == len(set(self.world.rows))

    def teardown(self) -> None:
        """A last sink that nobody disturbs leaves nothing behind."""
        self.run(most=3, read=10_000, crash_in=None, after=False)
        wanted = {row for record in self.log for row in record.rows}
        good = {row for row in wanted if not row.startswith(BAD)}
        buried = {letter.value for letter in self.world.letters}
        assert good <= set(self.world.rows) <= good | self.compacted
        assert wanted - good <= buried
        assert not {row for row in buried if row and not row.startswith(BAD)}


ExactlyOnce.TestCase.settings = settings(max_examples=examples(50), stateful_step_count=20, deadline=None)
TestExactlyOnce = ExactlyOnce.TestCase
TestExactlyOnce.__doc__ = ExactlyOnce.__doc__
