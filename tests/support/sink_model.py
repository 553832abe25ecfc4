"""A world of sinks for tests: a consumer group, ClickHouse and inserts on their way, without any of them running."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from clickhouse_connect.driver.exceptions import DatabaseError

from schemas.wire.rows import CLAIMS, EVENTS
from sinks.errors import FencedError
from sinks.writer.routes import LINES, ROWS, Route, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sinks.writer.bookmark import Bookmark
    from sinks.writer.dead_letters import Letter

__all__ = ["BAD", "KINDS", "PARTITIONS", "Crash", "Sink", "World"]

PARTITIONS = tuple(TopicPartition("facts", number) for number in range(3))
BAD, NOTHING = b"bad", b"nothing\n"
KINDS = {
    # Lines, some of which are refused.
    "lines": Route("facts", (Target(EVENTS, NOTHING),), LINES, lambda record: record.piece, beat=0),
    # Two tables, the second of which gets a row of some records only; some records cannot be decoded at all.
    "rows": Route("facts", (Target(EVENTS, NOTHING), Target(CLAIMS, NOTHING)), ROWS, lambda r: r.piece, beat=0),
    # A table in which readers would see any row.
    "raw": Route("facts", (Target(EVENTS, None),), ROWS, lambda record: record.piece, beat=0),
}
Insert = tuple[str, str, tuple[bytes, ...]]


class Crash(BaseException):
    """The process dies here."""


class World:
    """What outlives sinks: committed offsets, ClickHouse's rows and tokens, dead letters, and inserts on their way."""

    def __init__(self) -> None:
        self.committed: dict[TopicPartition, tuple[int, str]] = {}
        self.rows: dict[str, list[bytes]] = {EVENTS.name: [], CLAIMS.name: []}
        self.tokens: set[tuple[str, str]] = set()
        self.letters: list[Letter] = []
        self.late: list[Insert] = []
        self.deliver_in: int | None = None
        self.epoch = 0

    def store(self, insert: Insert) -> None:
        """Insert as ClickHouse does: all or nothing, and a known token changes nothing."""
        table, token, lines = insert
        if (table, token) not in self.tokens and not any(line.startswith(BAD) for line in lines):
            self.tokens.add((table, token))
            self.rows[table] += [line for line in lines if line + b"\n" != NOTHING]

    def step(self) -> None:
        """Something happens; maybe a late insert arrives now."""
        if self.deliver_in is not None and self.late:
            self.deliver_in -= 1
            if self.deliver_in < 0:
                self.deliver_in = None
                self.store(self.late.pop(0))


class Sink:
    """A member of the group for one assignment, and all that its lane needs of the world."""

    def __init__(self, world: World, fault: str, at: int, captures: int) -> None:
        self.world = world
        self.epoch = world.epoch
        self.fault, self.at, self.captures = fault, at, captures
        # By a commit of another topic.
        self.vouched = time.monotonic() + 3
        self.client = None
        self.installation = None

    def _happens(self, when: str) -> None:
        self.world.step()
        if self.fault != when:
            return
        self.at -= 1
        if self.at < 0:
            raise Crash

    async def record(self, bookmarks: Mapping[TopicPartition, Bookmark]) -> None:
        """Commit bookmarks, as far as this is still the group's member."""
        await asyncio.sleep(0)
        if self.fault == "freeze" and self.at < 0:
            raise Crash
        self._happens("kill before")
        if self.epoch != self.world.epoch:
            message = "gone"
            raise FencedError(message)
        for partition, bookmark in bookmarks.items():
            assert bookmark.offset >= self.world.committed.get(partition, (0, ""))[0], "no way back"
            self.world.committed[partition] = bookmark.offset, bookmark.metadata()
        self.vouched = time.monotonic() + 3
        self._happens("kill after")

    async def insert(self, route: Route, target: Target, name: str, body: bytes, vouched: Any) -> None:
        """Insert a block, or find that the world does not answer any more."""
        del route
        await vouched()
        await asyncio.sleep(0)
        lines = tuple(body.splitlines())
        self.at -= self.fault in {"freeze", "hang"}
        if self.fault in {"freeze", "hang"} and self.at < 0:
            self.world.late.append((target.table.name, name, lines))
            if self.fault == "hang":
                await asyncio.Event().wait()
            self.captures -= 1
            if self.captures < 0:
                raise Crash
            return
        self._happens("kill before")
        if any(line.startswith(BAD) for line in lines):
            message = "refused"
            raise DatabaseError(message, code=27)
        self.world.store((target.table.name, name, lines))
        self._happens("kill after")

    async def call(self, function: Any, client: None, table: Any, lines: list[bytes], most: int) -> dict[int, str]:
        """Find the refused lines."""
        del function, client, table, most
        return {index: "refused" for index, line in enumerate(lines) if line.startswith(BAD)}

    async def send(self, letter: Letter) -> None:
        """Take a dead letter."""
        self._happens("kill before")
        self.world.letters.append(letter)
        self._happens("kill after")
