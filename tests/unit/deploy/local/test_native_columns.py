"""Columns of the Native format are stepped over by their types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.clickhouse.errors import ClickHouseError
from deploy.local.clickhouse.native import with_protocol
from deploy.local.clickhouse.native_columns import Cursor, skip_column


def length(type_name: str, rows: int, data: bytes) -> int:
    """How many bytes of `data` a column takes."""
    cursor = Cursor(data)
    skip_column(cursor, type_name, rows)
    return cursor.position


@pytest.mark.parametrize(
    ("type_name", "size"),
    [
        ("UInt8", 1), ("Enum8('a,(' = 1, '\\'' = 2)", 1), ("Date", 2), ("DateTime('UTC')", 4), ("Decimal(9, 2)", 4),
        ("DateTime64(3, 'UTC')", 8), ("Decimal(18, 2)", 8), ("IntervalDay", 8), ("UUID", 16), ("Decimal(38, 5)", 16),
        ("UInt256", 32), ("FixedString(5)", 5), ("Nullable(Int32)", 5), ("SimpleAggregateFunction(sum, Int64)", 8),
        ("Tuple(a Int8, `b c,(` Tuple(Int16, Int32))", 7), ("Point", 16), ("Nullable(Nothing)", 2),
    ],
)  # fmt: skip
def test_columns_of_fixed_size(type_name: str, size: int) -> None:
    """Ten rows take ten times the bytes of one."""
    assert length(type_name, 10, b"") == 10 * size


@given(st.lists(st.text(), min_size=1))
def test_texts_take_their_lengths(texts: list[str]) -> None:
    """Each text is a length and its bytes, however long."""
    data = b"".join(varint(len(text.encode())) + text.encode() for text in texts)

    assert length("String", len(texts), data + b"rest") == len(data)


def test_arrays_take_what_their_last_offset_says() -> None:
    """Offsets are cumulative, so the last one counts the items; maps are arrays of two columns."""
    offsets = b"".join(n.to_bytes(8, "little") for n in (2, 2, 5))

    assert length("Array(UInt16)", 3, offsets) == 24 + 5 * 2
    assert length("Map(UInt8, Array(UInt8))", 3, offsets + bytes(5) + offsets[:16] * 2 + offsets[16:]) > 24 + 5
    assert length("Nested(a UInt8, b UInt32)", 3, offsets) == 24 + 5 * 5


def test_low_cardinality_takes_keys_and_indexes() -> None:
    """Its version stands before everything else, also inside an array."""
    version, flags = (1).to_bytes(8, "little"), (0x600).to_bytes(8, "little")
    keys = (2).to_bytes(8, "little") + b"\x00" + b"\x01a"
    indexes = (3).to_bytes(8, "little") + bytes(3)
    offset = (3).to_bytes(8, "little")

    assert length("LowCardinality(Nullable(String))", 3, version + flags + keys + indexes) == 8 + 8 + 11 + 11
    whole = version + offset + flags + keys + indexes
    assert length("Array(LowCardinality(String))", 1, whole) == len(whole)


@pytest.mark.parametrize("type_name", ["AggregateFunction(sum, Int8)", "Dynamic", "Variant(Int8, String)", "Novel(1)"])
def test_other_types_are_refused_by_name(type_name: str) -> None:
    """A column whose end cannot be found is an error that names its type, not a guess."""
    with pytest.raises(ClickHouseError) as refused:
        length(type_name, 1, bytes(100))

    assert refused.value.code == 48
    assert type_name in str(refused.value)


def test_blocks_get_their_info_and_columns_their_flag() -> None:
    """Two blocks of two columns, the second without rows, come out with eight bytes each and one per column."""
    first = b"\x02\x01" + b"\x01a\x05UInt8\x07" + b"\x01b\x06String\x02hi"
    second = b"\x02\x00" + b"\x01a\x05UInt8" + b"\x01b\x06String"
    info = b"\x01\x00\x02\xff\xff\xff\xff\x00"

    assert with_protocol(first + second) == (
        info + b"\x02\x01" + b"\x01a\x05UInt8\x00\x07" + b"\x01b\x06String\x00\x02hi"
        + info + b"\x02\x00" + b"\x01a\x05UInt8\x00" + b"\x01b\x06String\x00"
    )  # fmt: skip
    assert with_protocol(b"") == b""


def varint(value: int) -> bytes:
    """A number of variable length."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
