"""Who gives records next, and how many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiokafka import TopicPartition

from streams.chunk import ChunkLimits
from streams.turns import Room, Turns, take_turns
from tests.unit.streams.records import record

if TYPE_CHECKING:
    from aiokafka.structs import ConsumerRecord

A, B, C = (TopicPartition("raw", number) for number in range(3))


class Buffered:
    """What is fetched of each partition, given away from its front."""

    def __init__(self, **sizes: tuple[int, int]) -> None:
        self.left = {
            {"a": A, "b": B, "c": C}[name]: [record(offset, b"x" * size) for offset in range(count)]
            for name, (count, size) in sizes.items()
        }
        self.asked: list[tuple[TopicPartition, int]] = []

    async def fetch(
        self, partitions: set[TopicPartition], *, max_records: int
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """The next records of one partition."""
        (tp,) = partitions
        self.asked.append((tp, max_records))
        records, self.left[tp] = self.left.get(tp, [])[:max_records], self.left.get(tp, [])[max_records:]
        return {tp: records} if records else {}


async def taken(
    buffered: Buffered, turns: list[TopicPartition], room: Room, limits: ChunkLimits
) -> dict[TopicPartition, int]:
    """How many records of each partition one poll takes."""
    fetched: dict[TopicPartition, list[ConsumerRecord]] = {}
    await take_turns(buffered.fetch, turns, room, limits, fetched)
    return {tp: len(records) for tp, records in fetched.items()}


async def test_nobody_gives_a_second_chunk_before_all_have_given_one() -> None:
    """Three backlogs and room for two chunks a poll: after three polls each has given two."""
    buffered, turns, limits = Buffered(a=(900, 1), b=(900, 1), c=(900, 1)), Turns(), ChunkLimits(100, 1_000)
    polls = []
    for _ in range(3):
        poll = await taken(buffered, turns.order([C, B, A]), Room(200, 1_000), limits)
        turns.had(poll)
        polls.append(poll)

    assert polls == [{A: 100, B: 100}, {C: 100, A: 100}, {B: 100, C: 100}]


async def test_a_long_backlog_leaves_the_others_their_turn() -> None:
    """The first has a chunk of many; what the others have comes with it."""
    buffered = Buffered(a=(900, 1), b=(3, 1), c=(40, 1))

    assert await taken(buffered, [A, B, C], Room(500, 5_000), ChunkLimits(100, 1_000)) == {A: 100, B: 3, C: 40}


@pytest.mark.parametrize(
    ("size", "limits", "room", "count"),
    [
        (10, ChunkLimits(1_000, 500), Room(1_000, 10_000), 50),
        (10, ChunkLimits(1_000, 5_000), Room(1_000, 500), 50),
        (10, ChunkLimits(40, 5_000), Room(1_000, 5_000), 40),
        (10, ChunkLimits(1_000, 5_000), Room(40, 5_000), 40),
        # The first slice is taken before its size is known.
        (1_000, ChunkLimits(1_000, 500), Room(1_000, 500), 32),
    ],
)
async def test_a_chunk_or_the_room_ends_it(size: int, limits: ChunkLimits, room: Room, count: int) -> None:
    """By records or by bytes, whichever of the chunk and of the room is used up first."""
    assert await taken(Buffered(a=(900, size)), [A], room, limits) == {A: count}


async def test_slices_follow_the_size_of_what_came() -> None:
    """The second slice is four times the first at most, and no more than fits by the size of the first."""
    buffered = Buffered(a=(900, 10))

    await taken(buffered, [A], Room(1_000, 100_000), ChunkLimits(1_000, 1_000))

    assert [most for _, most in buffered.asked] == [32, 68]
