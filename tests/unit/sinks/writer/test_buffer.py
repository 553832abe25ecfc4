"""When records become blocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sinks.writer.bookmark import Bookmark, Intent
from sinks.writer.buffer import Buffer, Limits, Piece

START = 10


def pieces(*sizes: int, gap: int = 1) -> list[Piece]:
    """Records of so many rows of two bytes, `gap` offsets apart."""
    return [Piece(START + number * gap, (b"x\n" * size,), size) for number, size in enumerate(sizes)]


def buffer(limits: Limits, end: int | None = None) -> Buffer:
    """An empty buffer, with an intent if an end is given."""
    return Buffer(Bookmark("id", START, None if end is None else Intent(end)), limits)


def test_a_record_waits_for_company_and_no_longer() -> None:
    """A block is due when its oldest record has lingered, not before."""
    held = buffer(Limits(linger=1.0))
    held.add(pieces(1), 11, now=5.0)
    held.add([Piece(11, (b"x\n",), 1)], 12, now=5.9)

    assert (held.cut(5.5), held.wait(5.5)) == (None, 0.5)
    block = held.cut(6.0)

    assert block is not None
    assert (block.first, block.end, block.body(0)) == (10, 12, b"x\nx\n")


def test_a_busy_partition_makes_fewer_blocks() -> None:
    """Soon after a block the next one waits for the interval, unless it is full."""
    held = buffer(Limits(rows=3, linger=0.1, interval=5.0))
    held.add(pieces(1), 11, now=0.0)
    assert held.cut(0.1) is not None
    held.add([Piece(11, (b"x\n",), 1)], 12, now=1.0)

    assert (held.cut(5.0), round(held.wait(5.0) or 0, 6)) == (None, 0.1)
    held.add([Piece(12, (b"x\nx\n",), 2)], 13, now=1.0)
    assert held.cut(1.0) is not None


@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=30), most=st.integers(1, 12), gap=st.integers(1, 3))
def test_blocks_are_full_and_complete(sizes: list[int], most: int, gap: int) -> None:
    """Blocks follow each other without holes, hold every record once, and exceed the limit by one only."""
    held = buffer(Limits(rows=most, linger=0, interval=0))
    held.add(pieces(*sizes, gap=gap), START + len(sizes) * gap, now=0.0)
    blocks = []
    while (block := held.cut(0.0)) is not None:
        blocks.append(block)

    assert [piece.rows for block in blocks for piece in block.pieces] == sizes
    assert all(block.rows <= most or len(block.pieces) == 1 for block in blocks)
    assert [block.first for block in blocks] == [START, *(block.end for block in blocks[:-1])]
    assert (held.bytes, held.rows) == (0, 0)


@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=30), data=st.data())
def test_an_intended_block_is_rebuilt_whatever_the_limits_say(sizes: list[int], data: st.DataObject) -> None:
    """After a restart the first block ends where it was recorded to end, once everything before has been read."""
    end = START + data.draw(st.integers(1, len(sizes)))
    held = buffer(Limits(rows=1, linger=0, interval=0), end)
    for piece in pieces(*sizes):
        if held.position < end:
            assert held.cut(99.0) is None
        held.add([piece], piece.offset + 1, now=0.0)
    block = held.cut(0.0)

    assert block is not None
    assert (START, end, sizes[: end - START]) == (block.first, block.end, [piece.rows for piece in block.pieces])


def test_an_intended_block_may_end_in_a_gap() -> None:
    """Where compaction has removed the last records of an intended block, the position alone completes it."""
    held = buffer(Limits(), end=15)
    held.add(pieces(1), 14, now=0.0)
    assert held.cut(99.0) is None
    held.add((), 15, now=0.0)
    block = held.cut(0.0)

    assert block is not None
    assert (block.first, block.end, block.rows) == (10, 15, 1)


def test_records_come_once_however_often_they_are_read() -> None:
    """What lies before the position is not taken again."""
    held = buffer(Limits(linger=0, interval=0))
    held.add(pieces(1, 1), 12, now=0.0)
    held.add(pieces(1, 1, 1), 13, now=0.0)

    assert held.rows == 3


def test_only_a_bare_gap_is_skipped() -> None:
    """The start moves over offsets that no reader sees, but never over a record or an intended block."""
    held = buffer(Limits(linger=0, interval=0))
    held.add((), 12, now=0.0)
    assert held.skip()
    assert held.start == 12
    held.add([Piece(12, (b"x\n",), 1)], 14, now=0.0)
    assert not held.skip()
    intended = buffer(Limits(), end=15)
    intended.add((), 12, now=0.0)
    assert not intended.skip()


def test_lines_are_named_by_record_and_place() -> None:
    """Blank lines do not count, so a line's name does not depend on how the producer ended it."""
    held = buffer(Limits(linger=0, interval=0))
    held.add([Piece(10, (b'{"a":1}\n\n{"b":2}\n',), 3, 77)], 11, now=0.0)
    block = held.cut(0.0)

    assert block is not None
    assert [(line.id, line.data) for line in block.lines()] == [((10, 0), b'{"a":1}'), ((10, 1), b'{"b":2}')]
