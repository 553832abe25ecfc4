"""Sinks that share a topic, killed and frozen at any moment, over logs with gaps, while rows are deleted: a machine.

A frozen sink's inserts arrive whenever the test pleases, long after others have taken its partitions over. Between two
assignments an operator may set committed offsets to another place, or Kafka may forget them.
"""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.wire.rows import CLAIMS, EVENTS
from sinks.writer.block import Piece
from sinks.writer.bookmark import Bookmark
from sinks.writer.buffer import Limits
from sinks.writer.dead_letters import Letter
from sinks.writer.lane import Lane
from tests.support.sink_model import BAD, KINDS, PARTITIONS, Crash, Sink, World

if TYPE_CHECKING:
    from aiokafka import TopicPartition

__all__ = ["FROZEN", "HEALTHY", "ExactlyOnce"]

HEALTHY, FROZEN = ("", 0, 0), ("freeze", 0, 0)
FAULT = st.sampled_from(["freeze", "hang", "", "kill before", "kill after"])
FAULTS = st.tuples(FAULT, st.integers(0, 4), st.integers(0, 2))


class ExactlyOnce(RuleBasedStateMachine):
    """What was stored is what the log says: no row is missing, none is made up, and what was deleted stays away."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.logs: dict[TopicPartition, list[Any]] = {partition: [] for partition in PARTITIONS}
        self.ends = dict.fromkeys(PARTITIONS, 0)
        self.runs = 0
        self.compacted: set[bytes] = set()
        self.gone: set[bytes] = set()
        # What an operator has told the sinks not to read.
        self.skipped: set[bytes] = set()
        # Students, waits that are over, the ends that are waited for, and the rows that are to stay away.
        self.deleting: tuple[tuple[int, ...], int, dict[TopicPartition, int], set[bytes]] | None = None

    @initialize(kind=st.sampled_from(sorted(KINDS)))
    def choose(self, kind: str) -> None:
        """What the topic is like."""
        self.kind, self.route = kind, KINDS[kind]

    @rule(
        partition=st.sampled_from(PARTITIONS),
        students=st.lists(st.integers(0, 1), min_size=1, max_size=3),
        odd=st.booleans(),
        gap=st.integers(0, 2),
    )
    def produce(self, partition: TopicPartition, students: list[int], odd: bool, gap: int) -> None:  # noqa: FBT001
        """Append a record with a row of each student and, after it, offsets that no reader sees."""
        offset = self.ends[partition]
        place = b"-%d-%d" % (partition.partition, offset)
        good = [b"good%s-%d-s%d" % (place, number, student) for number, student in enumerate(students)]
        bad = [BAD + place] if odd and self.kind == "lines" else []
        body = b"".join(row + b"\n" for row in (*good[:1], *bad, *good[1:]))
        if odd and self.kind == "rows":
            letter = Letter(partition, offset, 0, "no row", value=place)
            piece, good, bad = Piece(offset, (), 0, letter=letter), [], [place]
        else:
            bodies = (body, b"claim-" + good[0] + b"\n" if gap else b"") if self.kind == "rows" else (body,)
            piece = Piece(offset, bodies, len(good) + len(bad))
        self.logs[partition].append(SimpleNamespace(offset=offset, piece=piece, good=set(good), bad=bad))
        self.ends[partition] += 1 + gap

    @precondition(lambda self: self.kind != "raw")
    @rule(partition=st.sampled_from(PARTITIONS), place=st.integers(0, 9))
    def compact(self, partition: TopicPartition, place: int) -> None:
        """Remove a record that is not the last one."""
        if place < len(self.logs[partition]) - 1:
            self.compacted |= self.logs[partition].pop(place).good

    @rule(
        owners=st.tuples(*[st.integers(0, 1)] * len(PARTITIONS)),
        reads=st.tuples(*[st.sampled_from([0, 1, 2, 9])] * len(PARTITIONS)),
        most=st.integers(1, 9),
        faults=st.tuples(FAULTS, FAULTS),
        deliver_in=st.none() | st.integers(0, 12),
    )
    def run(self, owners: Any, reads: Any, most: int, faults: Any, deliver_in: int | None) -> None:
        """Divide the partitions among two sinks, which read so many records each and stop, die or freeze."""
        self.world.epoch += 1
        self.world.deliver_in = deliver_in
        asyncio.run(self._run(owners, dict(zip(PARTITIONS, reads, strict=True)), most, faults))
        self.world.deliver_in = None
        self._go_on_deleting()

    async def _run(self, owners: Any, reads: dict[TopicPartition, int], most: int, faults: Any) -> None:
        members = []
        for number in (0, 1):
            mine = [partition for partition, owner in zip(PARTITIONS, owners, strict=True) if owner == number]
            if mine:
                members.append(self._sink(mine, reads, most, Sink(self.world, *faults[number])))
        await asyncio.gather(*members)

    async def _sink(self, mine: list[TopicPartition], reads: dict[TopicPartition, int], most: int, sink: Any) -> None:
        found = {
            one: Bookmark.read("id", *self.world.committed.get(one, (-1, ""))) or Bookmark("id", 0) for one in mine
        }
        self.runs += 1
        limits = Limits(rows=most, linger=0)
        lane = Lane(self.route, found, self.runs, limits=limits, inserter=sink, commits=sink, dead_letters=sink)
        turns = [asyncio.create_task(lane.run()) for _ in range(2)]
        count = 0
        for one in mine:
            for record in [it for it in self.logs[one] if it.offset >= found[one].offset][: reads[one]]:
                lane.add(one, [record], record.offset + 1)
                count += 1
                await asyncio.sleep(0)
            if lane.buffers[one].position > (self.logs[one][-1].offset if self.logs[one] else -1):
                lane.add(one, (), self.ends[one])
        for _ in range(60 * (count + len(mine) + 1)):
            await asyncio.sleep(0)
        lane.drain()
        await asyncio.wait(turns, timeout=0.01 if sink.fault == "hang" else None)
        for turn in turns:
            turn.cancel()
        ended = await asyncio.gather(*turns, return_exceptions=True)
        # An error of its own is a mistake, a crash is not.
        assert all(end is None or isinstance(end, Crash | asyncio.CancelledError) for end in ended), ended
        if not any(isinstance(end, Crash) for end in ended):
            with contextlib.suppress(Crash):
                await lane.release()

    @rule(place=st.integers(0, 9))
    def arrive(self, place: int) -> None:
        """An insert of a sink that was frozen arrives."""
        if place < len(self.world.late):
            self.world.store(self.world.late.pop(place))

    @precondition(lambda self: not self.world.late)
    @rule(partition=st.sampled_from(PARTITIONS), place=st.integers(-1, 9))
    def reset(self, partition: TopicPartition, place: int) -> None:
        """Nobody is in the group, and nothing under way: set an offset with Kafka's tools, or let Kafka forget it.

        What lies before it and was not stored is left out; what lies behind it is stored once more, deleted or not.
        """
        before = max(0, self.world.committed.pop(partition, (0, ""))[0])
        offset = 0
        if place >= 0:
            offset = min(place, self.ends[partition])
            self.world.committed[partition] = offset, ""
        for record in self.logs[partition]:
            if before <= record.offset < offset:
                self.skipped |= {*record.good, *record.bad}
            elif record.offset >= offset:
                self.gone -= record.good

    @precondition(lambda self: self.deleting is None)
    @rule(students=st.sampled_from([(0,), (1,), (0, 1)]))
    def delete(self, students: tuple[int, ...]) -> None:
        """Delete the rows of one, or empty the tables, then wait as `Offsets.until_stored` does."""
        mine = _rows_of(students)
        for table, rows in self.world.rows.items():
            self.world.rows[table] = [row for row in rows if not row.endswith(mine)]
        there = {row for log in self.logs.values() for record in log for row in record.good if row.endswith(mine)}
        there |= {row for row in self.compacted if row.endswith(mine)}
        self.deleting = students, 0, self._log_ends(), there

    def _log_ends(self) -> dict[TopicPartition, int]:
        return {partition: log[-1].offset + 1 if log else 0 for partition, log in self.logs.items()}

    def _go_on_deleting(self) -> None:
        if self.deleting is None:
            return
        students, waits, ends, rows = self.deleting
        if any(self.world.committed.get(one, (0, ""))[0] < end for one, end in ends.items()):
            return
        if waits == 0:
            self.deleting = students, 1, self._log_ends(), rows
            self._go_on_deleting()
            return
        self.deleting = None
        if any(row.endswith(_rows_of(students)) for found in self.world.rows.values() for row in found):
            self.delete(students)
        else:
            self.gone |= rows

    @invariant()
    def what_is_deleted_stays_away(self) -> None:
        """No row comes back."""
        stored = {row.removeprefix(b"claim-") for rows in self.world.rows.values() for row in rows}
        assert not stored & self.gone

    def teardown(self) -> None:
        """After one more fault, sinks that nobody disturbs leave nothing behind.

        A deletion ends, whatever arrives after it.
        """
        if not hasattr(self, "route"):
            return
        everything = (10_000,) * len(PARTITIONS)
        for partition in PARTITIONS:
            self.produce(partition, [0, 1], odd=False, gap=1)
        fault = ("hang" if self.world.epoch % 2 else "freeze", self.world.epoch % 3, 2)
        self.run((0, 0, 0), everything, self.world.epoch % 9 + 1, (fault, HEALTHY), None)
        if self.deleting is None:
            self.delete((0,))
        for owners in ((0, 1, 0), (0, 0, 0)):
            self.run(owners, everything, 3, (HEALTHY, HEALTHY), None)
        while self.world.late:
            self.world.store(self.world.late.pop())
        self.what_is_deleted_stays_away()
        good = {row for log in self.logs.values() for record in log for row in record.good}
        assert good - self._missing() <= set(self.world.rows[EVENTS.name]) <= good | self.compacted
        claims = {row.strip() for log in self.logs.values() for it in log for row in it.piece.bodies[1:] if row}
        stored = set(self.world.rows[CLAIMS.name])
        assert {row for row in claims if row.removeprefix(b"claim-") not in self._missing()} <= stored
        buried = {letter.value for letter in self.world.letters}
        assert {row for log in self.logs.values() for record in log for row in record.bad} - self.skipped <= buried

    def _missing(self) -> set[bytes]:
        """What may be missing: all that was in the log at some deletion, and what was skipped."""
        return self.gone | self.skipped | (self.deleting[3] if self.deleting else set())


def _rows_of(students: tuple[int, ...]) -> tuple[bytes, ...]:
    """How the rows of these students end."""
    return tuple(b"-s%d" % student for student in students)
