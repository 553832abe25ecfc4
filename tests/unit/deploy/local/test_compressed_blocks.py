"""ClickHouse's own compressed blocks, against those that the engine itself writes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import pytest
from clickhouse_cityhash.cityhash import CityHash128
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.local.clickhouse.compressed_blocks import pack, pack_pieces, unpack
from deploy.local.clickhouse.errors import ClickHouseError
from tests.support.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable

# Files of columns of MergeTree, as the engine wrote them: a String that is `ab` twelve times.
WRITTEN: Final = {
    "LZ4": "6ad55ecbbe3ac4d66191e74ac4f9e6b48216000000240000003f026162030009506162026162",
    "ZSTD": "4d5988f3217721c24ed3237708185096901b0000002400000028b52ffd20244d00001802616201008e6e08",
    "NONE": f"01aa6a91285802b3104e007044e6af8b022d00000024000000{'026162' * 12}",
}
ROWS: Final = b"\x02ab" * 12
MEBIBYTE: Final = 1 << 20


def block(codec: int, packed: bytes, size: int, packed_size: int | None = None) -> bytes:
    """A block with a true checksum, whatever its header says."""
    told = 9 + len(packed) if packed_size is None else packed_size
    contents = struct.pack("<BII", codec, told, size) + packed
    both = CityHash128(contents)
    return struct.pack("<QQ", both >> 64, both % (1 << 64)) + contents


@pytest.mark.parametrize("codec", WRITTEN)
def test_what_the_engine_packs_is_unpacked(codec: str) -> None:
    """Blocks of each codec that clients use."""
    assert unpack(bytes.fromhex(WRITTEN[codec])) == ROWS


def test_blocks_of_several_codecs_are_one_body() -> None:
    """One block behind the other."""
    assert unpack(b"".join(map(bytes.fromhex, WRITTEN.values()))) == ROWS * 3


@pytest.mark.parametrize("size", [0, 1, 100, MEBIBYTE, MEBIBYTE + 1, 3 * MEBIBYTE])
def test_a_body_is_the_same_after_packing(size: int) -> None:
    """A long one stands in blocks of at most a mebibyte."""
    body = bytes(range(251)) * (size // 251 + 1)
    packed = pack(body[:size])

    assert unpack(packed) == body[:size]
    assert sizes(packed) == [MEBIBYTE] * (size // MEBIBYTE) + [size % MEBIBYTE] * (size % MEBIBYTE > 0)


def sizes(packed: bytes) -> list[int]:
    """What each block says that it is unpacked."""
    found = []
    while packed:
        told, size = struct.unpack_from("<II", packed, 17)
        found.append(size)
        packed = packed[16 + told :]
    return found


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5))
def test_pieces_are_the_same_after_packing(pieces: list[bytes]) -> None:
    """Each of them is packed by itself, and an empty one not at all."""
    packed = list(pack_pieces(iter(pieces)))

    assert [unpack(one) for one in packed] == [piece for piece in pieces if piece]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        pytest.param(lambda body: body[:-1], 33, id="cut off in the data"),
        pytest.param(lambda body: body[:20], 33, id="cut off in the header"),
        pytest.param(lambda body: body + b"more", 33, id="followed by something"),
        pytest.param(lambda body: body[:-1] + b"\0", 40, id="another byte"),
        pytest.param(lambda body: b"\0" + body[1:], 40, id="another checksum"),
        pytest.param(lambda body: block(0x82, body[25:], 35), 271, id="more than it says"),
        pytest.param(lambda body: block(0x82, body[25:], 37), 271, id="less than it says"),
        pytest.param(lambda body: block(0x82, body[25:], 0), 271, id="nothing, it says"),
        pytest.param(lambda _: block(0x82, b"\xff\xff\xff", 36), 271, id="no LZ4"),
        pytest.param(lambda _: block(0x90, b"\xff\xff\xff", 36), 271, id="no ZSTD"),
        pytest.param(lambda _: block(0x02, ROWS, 37), 271, id="plain, of another size"),
        pytest.param(lambda _: block(0x91, b"", 0), 432, id="a codec that clients do not use"),
        pytest.param(lambda _: block(0x82, b"", 1 << 29), 131, id="gigabytes, it says"),
        pytest.param(lambda _: block(0x82, b"", 0, packed_size=1 << 31), 131, id="gigabytes to come, it says"),
        pytest.param(lambda _: block(0x82, b"", 0, packed_size=3), 271, id="smaller than its header, it says"),
    ],
)
def test_what_is_no_block_is_refused(spoil: Callable[[bytes], bytes], code: int) -> None:
    """Whatever is wrong with a block, it is an error with ClickHouse's number, and nothing is made up."""
    with pytest.raises(ClickHouseError) as refused:
        unpack(spoil(bytes.fromhex(WRITTEN["LZ4"])))

    assert refused.value.code == code


@settings(max_examples=examples(100), deadline=None)
@given(st.binary(max_size=60), st.sampled_from([0x02, 0x82, 0x90]), st.integers(0, 300))
def test_no_block_does_harm(packed: bytes, codec: int, size: int) -> None:
    """A block with a true checksum and anything in it is as long as it says, or an error."""
    try:
        plain = unpack(block(codec, packed, size))
    except ClickHouseError as error:
        assert error.code == 271  # noqa: PT017 - either is right
    else:
        assert len(plain) == size
