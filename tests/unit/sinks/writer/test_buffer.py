"""When records of several partitions become blocks."""

from __future__ import annotations

from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from sinks.writer.block import Block, Piece
from sinks.writer.bookmark import Bookmark, Name
from sinks.writer.buffer import Backlog, Buffer, Limits

START = 10
RUN = 0xF
ONE, TWO = TopicPartition("facts", 1), TopicPartition("facts", 2)


def piece(offset: int, rows: int = 1) -> Piece:
    """A record of so many rows of two bytes."""
    return Piece(offset, (b"x\n" * rows,), rows)


def buffer(partition: TopicPartition = ONE) -> Buffer:
    """An empty buffer that takes part in blocks."""
    held = Buffer(partition, Bookmark("id", START), RUN)
    held.settle()
    return held


def stored(block: Block, *buffers: Buffer) -> None:
    """Let a block be stored."""
    by_partition = {held.partition: held for held in buffers}
    for part in block.slices:
        by_partition[part.partition].move(part.end)
        by_partition[part.partition].busy = False


def test_a_record_waits_for_company_and_no_longer() -> None:
    """A block is due when its oldest record has lingered, not before, and takes what other partitions have."""
    one, two = buffer(ONE), buffer(TWO)
    backlog = Backlog((one, two), Limits(linger=1.0), 0)
    two.add([piece(10)], 11, now=5.0)
    one.add([piece(10)], 11, now=5.9)

    assert backlog.wait(5.5) == 0.5
    assert backlog.wait(6.0) == 0
    block = backlog.cut(6.0)

    assert ([part.partition for part in block.slices], block.body(0)) == ([TWO, ONE], b"x\nx\n")
    assert block.name == "2/f-10"


def test_a_busy_topic_makes_fewer_blocks() -> None:
    """Soon after a block the next one waits for the beat, unless it is full."""
    one = buffer()
    backlog = Backlog((one,), Limits(rows=3, linger=0.1), 5.0)
    one.add([piece(10)], 11, now=0.0)
    stored(backlog.cut(0.1), one)
    one.add([piece(11)], 12, now=1.0)

    assert round(backlog.wait(5.0) or 0, 6) == 0.1
    one.add([piece(12, 2)], 13, now=1.0)
    assert backlog.wait(1.0) == 0


def test_nobody_beats_faster_than_the_least() -> None:
    """A replay's blocks are fewer, whatever the topic's own beat."""
    one = buffer()
    backlog = Backlog((one,), Limits(linger=0, least_beat=2.0), 0.3)
    one.add([piece(10)], 11, now=0.0)
    stored(backlog.cut(0.0), one)
    one.add([piece(11)], 12, now=0.0)

    assert backlog.wait(0.0) == 2.0


def test_beside_a_block_only_a_full_one_is_cut_and_of_other_partitions() -> None:
    """While a block is under way its partitions give no other, and those that are left gather."""
    one, two = buffer(ONE), buffer(TWO)
    backlog = Backlog((one, two), Limits(rows=3, linger=0), 0)
    one.add([piece(10)], 11, now=0.0)
    under_way = backlog.cut(0.0)
    one.add([piece(11, 9)], 12, now=1.0)
    two.add([piece(10)], 11, now=1.0)

    assert backlog.wait(9.0) is None
    two.add([piece(11, 2)], 12, now=1.0)
    assert backlog.wait(1.0) == 0
    assert [part.partition for part in backlog.cut(1.0).slices] == [TWO]
    stored(under_way, one)
    assert [part.partition for part in backlog.cut(1.0).slices] == [ONE]


@given(
    sizes=st.lists(st.tuples(st.sampled_from([ONE, TWO]), st.integers(0, 9)), min_size=1, max_size=30),
    most=st.integers(1, 12),
    gap=st.integers(1, 3),
)
def test_blocks_are_full_and_complete(sizes: list[tuple[TopicPartition, int]], most: int, gap: int) -> None:
    """Every record is in one block, in its partition's order, and no block exceeds the limit but by one record."""
    buffers = {ONE: buffer(ONE), TWO: buffer(TWO)}
    backlog = Backlog(buffers.values(), Limits(rows=most, linger=0), 0)
    for number, (partition, rows) in enumerate(sizes):
        buffers[partition].add([piece(START + number * gap, rows)], START + (number + 1) * gap, now=number)
    blocks = []
    while backlog.wait(99.0) == 0:
        blocks.append(backlog.cut(99.0))
        stored(blocks[-1], *buffers.values())

    for partition in buffers:
        slices = [part for block in blocks for part in block.slices if part.partition == partition]
        taken = [one.rows for part in slices for one in part.pieces]
        assert taken == [rows for where, rows in sizes if where == partition]
        assert [part.end for part in slices[:-1]] == [part.name.offset for part in slices[1:] if part.name]
    assert all(block.rows <= most + max(one.rows for part in block.slices for one in part.pieces) for block in blocks)
    assert {(held.bytes, held.rows, len(held)) for held in buffers.values()} == {(0, 0, 0)}


def test_a_partition_without_rows_names_no_block() -> None:
    """Its record may be a dead letter as a whole, with which nobody could take the name away."""
    one, two = buffer(ONE), buffer(TWO)
    one.add([Piece(10, (), 0)], 11, now=0.0)
    two.add([piece(12)], 13, now=1.0)

    assert Backlog((one, two), Limits(linger=0), 0).cut(1.0).name == "2/f-10"


def test_what_is_not_settled_waits() -> None:
    """A partition gives nothing before its former owner's name is taken away."""
    held = Buffer(ONE, Bookmark("id", START, Name(1, 5)), RUN)
    held.add([piece(10)], 11, now=0.0)
    backlog = Backlog((held,), Limits(linger=0), 0)

    assert backlog.wait(9.0) is None
    assert held.bookmark == Bookmark("id", START, Name(1, 5))
    held.settle()
    assert backlog.wait(9.0) == 0
    assert held.bookmark == Bookmark("id", START, Name(RUN, START))


def test_records_come_once_however_often_they_are_read() -> None:
    """What lies before the position is not taken again."""
    held = buffer()
    held.add([piece(10), piece(11)], 12, now=0.0)
    held.add([piece(10), piece(11), piece(12)], 13, now=0.0)

    assert held.rows == 3


def test_only_a_bare_gap_is_skipped() -> None:
    """The start moves over offsets that no reader sees, never over a record; the name is the one that is committed."""
    held = buffer()
    held.add((), 12, now=0.0)
    assert held.skip()
    assert held.bookmark == Bookmark("id", 12, Name(RUN, START))
    held.add([piece(12)], 14, now=0.0)
    assert not held.skip()


def test_lines_are_named_by_record_and_place() -> None:
    """Blank lines do not count, so a line's name does not depend on how the producer ended it."""
    held = buffer()
    held.add([Piece(10, (b'{"a":1}\n\n{"b":2}\n',), 3, 77)], 11, now=0.0)
    block = Backlog((held,), Limits(linger=0), 0).cut(0.0)

    assert [(line.id, line.data) for line in block.lines()] == [((1, 10, 0), b'{"a":1}'), ((1, 10, 1), b'{"b":2}')]
    assert block.body(0, {(1, 10, 0)}) == b'{"b":2}\n'
