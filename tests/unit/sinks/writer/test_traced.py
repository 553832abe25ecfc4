"""Traced records on their way into blocks."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from schemas.wire.topics import Topics
from sinks.writer.block import Block, Piece
from sinks.writer.bookmark import Bookmark
from sinks.writer.buffer import Buffer
from sinks.writer.routes import derived_routes
from sinks.writer.traced import begin_span, with_parents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FACTS = derived_routes(Topics("t.", 1))[0]
ONE, TWO = TopicPartition(FACTS.topic, 0), TopicPartition(FACTS.topic, 1)


class _Tracer:
    def __init__(self) -> None:
        self.followed: list[list[str]] = []

    def chosen(self) -> bool:
        """Nobody asks."""
        return False

    def begin(self, _name: str, _caller: str | None, _attributes: Mapping[str, str | int], /) -> None:
        """Nobody asks."""

    def follow(self, _name: str, _kind: str, parents: Sequence[str], _attributes: Mapping[str, Any], /) -> None:
        """Remember the parents."""
        self.followed.append([parent[-5:-3] for parent in parents])

    def close(self) -> None:
        """Nothing to do."""


def records(*offsets: int) -> list[Any]:
    """Records with traces whose spans end with their offsets."""
    now = time.time_ns() // 1_000_000
    return [
        SimpleNamespace(offset=offset, timestamp=now, headers=(("traceparent", b"00-%032x-%016d-01" % (1, offset)),))
        for offset in offsets
    ]


def untraced(offset: int) -> Any:
    """A record without a trace."""
    return SimpleNamespace(offset=offset, timestamp=0, headers=())


def held(partition: TopicPartition, start: int, read: list[Any]) -> Buffer:
    """What waits of a partition from an offset on: records of a row each."""
    buffer = Buffer(partition, Bookmark("topic", start), 1)
    pieces = (Piece(record.offset, (b"x\n",), 1) for record in read)
    buffer.add(with_parents(read, pieces), read[-1].offset + 1, 0.0)
    return buffer


def block(*taken: tuple[Buffer, int]) -> Block:
    """A block of so many records of these partitions."""
    return Block(tuple(buffer.take(count, 1_000_000, 0.0) for buffer, count in taken))


def test_a_block_is_of_the_records_in_it() -> None:
    """Those after its end, and of other partitions, wait for theirs; each is told once."""
    tracer = _Tracer()
    one, two = held(ONE, 10, [*records(9, 10), untraced(11), *records(12)]), held(TWO, 0, records(11))
    for taken in ([(one, 1)], [(one, 1)], [(one, 1), (two, 1)]):
        begin_span(tracer, FACTS, block(*taken))

    assert tracer.followed == [["10"], [], ["12", "11"]]


def test_what_is_followed_is_bounded() -> None:
    """A block that waited for ClickHouse names no more than some hundreds."""
    tracer = _Tracer()
    begin_span(tracer, FACTS, block((held(ONE, 0, records(*range(3_000))), 5_000)))

    assert len(tracer.followed[0]) == 1_000
