"""What a copy of a raw record looks like, and where it lies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from operations.raw_log.records import copied_headers, copied_partition
from schemas.wire.headers import RawHeaders, decode_headers, encode_headers
from schemas.wire.webhook import log_place, webhook_id

places = st.tuples(st.integers(0, 2046), st.integers(0, (1 << 40) - 1))


@given(
    places,
    places,
    st.builds(RawHeaders, retry_of=st.none() | st.integers(0, 1 << 50), receipt=st.none() | st.just("r")),
)
def test_copies_of_copies_keep_id_and_place(
    place: tuple[int, int], other: tuple[int, int], headers: RawHeaders
) -> None:
    """However often a record is copied and wherever to, its id and its place are those of the first."""
    first = encode_headers(headers)
    copy = copied_headers(*place, first)
    second = copied_headers(*other, copy)

    assert second == copy
    assert webhook_id(*other, decode_headers(copy)) == webhook_id(*place, headers)
    assert log_place(*other, decode_headers(copy)) == log_place(*place, headers)


def test_a_copy_behind_history_is_ordered_by_where_it_stands() -> None:
    """Its id is the original's; a copy of it has that id, and the place of the first copy."""
    first = copied_headers(0, 5, [("receipt", b"r")], behind=True)
    second = copied_headers(1, 7, first)
    third = copied_headers(2, 9, second)

    assert third == second == [("receipt", b"r"), ("id", b"5"), ("place", b"%d" % (1 << 40 | 7))]
    assert log_place(1, 7, decode_headers(first)) == log_place(2, 9, decode_headers(third)) == 1 << 40 | 7
    assert copied_headers(3, 1, third, behind=True) == first


def test_a_header_that_cannot_be_read_is_copied() -> None:
    """What the worker will make a dead letter stays what it is."""
    assert copied_headers(1, 2, [("academy", b"one")]) == [("academy", b"one"), ("id", b"%d" % (1 << 40 | 2))]


@given(st.binary(max_size=20), st.integers(1, 64), st.integers(1, 8), st.data())
def test_a_key_moves_to_no_partition_below_its_own(key: bytes, before: int, times: int, data: st.DataObject) -> None:
    """The gateway's partition of a key in the larger topic is where its copies go, and never a lower one."""
    sent = copied_partition(key, 0, 1, before * times)
    old = sent % before

    assert copied_partition(key, old, before, before * times) == sent >= old
    elsewhere = data.draw(st.integers(0, before - 1))
    assert copied_partition(key, elsewhere, before, before * times) in {elsewhere, sent}
    assert copied_partition(None, elsewhere, before, before * times) == elsewhere
