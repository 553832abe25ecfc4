"""What sinks store is what the log says, whatever becomes of them; and the moments that this depends on, one by one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from schemas.wire.rows import EVENTS
from sinks.errors import FencedError
from sinks.writer.block import Piece
from sinks.writer.bookmark import Bookmark
from sinks.writer.buffer import Limits
from sinks.writer.lane import Lane
from tests.support.examples import examples
from tests.support.sink_machine import FROZEN, HEALTHY, ExactlyOnce
from tests.support.sink_model import KINDS, PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka import TopicPartition


class _Unsure:
    """Kafka takes two bookmarks and does not vouch for long; then the partitions are another sink's."""

    vouched = 0.0
    commits = 0

    async def record(self, bookmarks: Mapping[TopicPartition, Bookmark]) -> None:
        """Commit."""
        assert bookmarks
        self.commits += 1
        if self.commits > 2:
            message = "gone"
            raise FencedError(message)


async def test_nothing_is_cut_of_partitions_that_may_be_anothers() -> None:
    """A sink that slept asks before it makes a block of what it has: that would be newer than what others wait for."""
    unsure: Any = _Unsure()
    lane = Lane(
        KINDS["raw"],
        {PARTITIONS[0]: Bookmark("id", 0)},
        run=1,
        limits=Limits(linger=0),
        inserter=unsure,
        commits=unsure,
        dead_letters=unsure,
    )
    lane.add(PARTITIONS[0], [SimpleNamespace(piece=Piece(0, (b"row\n",), 1))], 1)
    with pytest.raises(FencedError):
        await lane.run()

    assert (unsure.commits, len(lane.buffers[PARTITIONS[0]])) == (3, 1)


def late_block() -> ExactlyOnce:
    """A deletion that waits once only, so far, and a block with a deleted row that is named by another partition's."""
    machine = ExactlyOnce()
    machine.choose("raw")
    machine.produce(PARTITIONS[1], [0], odd=False, gap=0)
    machine.delete((0,))
    machine.produce(PARTITIONS[0], [1], odd=False, gap=0)
    machine.run((0, 0, 0), (1, 1, 0), 9, (FROZEN, HEALTHY), None)
    # Who has the first partition now has not read its record yet.
    machine.run((0, 1, 0), (0, 1, 0), 9, (HEALTHY, HEALTHY), None)
    assert [name for _, name, _ in machine.world.late] == ["id/0/1-0"]
    assert machine.deleting is not None
    assert machine.deleting[1] == 1, "the first wait is over"
    return machine


def test_one_wait_is_not_enough() -> None:
    """What names a late block may have come after the first look at the ends, and after that wait it can arrive."""
    machine = late_block()
    machine.world.rows[EVENTS.name].clear()
    machine.arrive(0)

    assert set(machine.world.rows[EVENTS.name]) == {b"good-0-0-0-s1", b"good-1-0-0-s0"}


def test_two_waits_are() -> None:
    """The ends that are seen after the first wait cover it: past them somebody has taken its name away."""
    machine = late_block()
    machine.run((0, 0, 0), (1, 1, 0), 9, (HEALTHY, HEALTHY), None)
    # The row was there once more, by its partition's new owner, so it is deleted and waited for again.
    machine.run((0, 0, 0), (1, 1, 0), 9, (HEALTHY, HEALTHY), None)
    assert machine.gone == {b"good-1-0-0-s0"}
    machine.arrive(0)

    assert set(machine.world.rows[EVENTS.name]) == {b"good-0-0-0-s1"}


def test_a_reset_takes_the_name_of_a_late_block_along() -> None:
    """So nobody takes that away, and what was deleted meanwhile is back: hence `reset` while nothing is under way."""
    machine = ExactlyOnce()
    machine.choose("rows")
    machine.produce(PARTITIONS[0], [0], odd=False, gap=0)
    machine.run((0, 0, 0), (1, 0, 0), 9, (FROZEN, HEALTHY), None)
    machine.reset(PARTITIONS[0], 1)
    machine.delete((0,))
    machine.run((0, 0, 0), (1, 0, 0), 9, (HEALTHY, HEALTHY), None)
    assert machine.gone == {b"good-0-0-0-s0"}
    machine.arrive(0)

    with pytest.raises(AssertionError):
        machine.what_is_deleted_stays_away()


ExactlyOnce.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=40, deadline=None)
TestExactlyOnce = ExactlyOnce.TestCase
TestExactlyOnce.__doc__ = ExactlyOnce.__doc__
