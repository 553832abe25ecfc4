"""ClickHouse's own compressed blocks, which JDBC and Go drivers ask for with `compress=1` and send with `decompress=1`.

A block is a checksum (CityHash128 of all that follows), one byte for the codec, the block's size without the checksum
and its size unpacked, then the packed bytes. A body is any number of blocks, so a long one is packed and unpacked with
one of them in memory. CityHash is that of version 1.0.2; later ones give other values.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import cramjam
from clickhouse_cityhash.cityhash import CityHash128

from deploy.local.clickhouse.errors import ClickHouseError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

__all__ = ["pack", "pack_pieces", "unpack"]

_CHECKSUM: Final = struct.Struct("<QQ")
_HEADER: Final = struct.Struct("<BII")
_PLAIN: Final = 0x02
_LZ4: Final = 0x82
_ZSTD: Final = 0x90
# What ClickHouse puts into a block, and so what its clients are tried with.
_BLOCK_BYTES: Final = 1 << 20
# Of a block, packed or not, and of a body unpacked: a few bytes of either may say that they are gigabytes.
_MOST_OF_BLOCK: Final = 256 << 20
_MOST_OF_BODY: Final = 1 << 30


def pack(body: bytes) -> bytes:
    """Pack a whole body; an empty one is no block at all."""
    return b"".join(pack_pieces(iter((body,))))


def pack_pieces(pieces: Iterator[bytes]) -> Generator[bytes, None, None]:
    """Pack a body that comes in pieces, each into blocks of its own as soon as it is there."""
    for piece in pieces:
        for start in range(0, len(piece), _BLOCK_BYTES):
            yield _pack_block(piece[start : start + _BLOCK_BYTES])


def unpack(body: bytes) -> bytes:
    """Unpack a request's body; an empty one is empty.

    Raises ClickHouseError: CANNOT_READ_ALL_DATA for a block that is cut off, CHECKSUM_DOESNT_MATCH for a damaged one,
    TOO_LARGE_SIZE_COMPRESSED for more than 256 MiB in a block or 1 GiB in all, UNKNOWN_CODEC for what is neither LZ4,
    ZSTD nor plain, CANNOT_DECOMPRESS for one whose contents are not what its header says.
    """
    view = memoryview(body)
    plain = bytearray()
    while view:
        start = _CHECKSUM.size
        if len(view) < start + _HEADER.size:
            raise _cut_off()
        codec, packed_size, plain_size = _HEADER.unpack_from(view, start)
        if max(packed_size, plain_size) > _MOST_OF_BLOCK or len(plain) + plain_size > _MOST_OF_BODY:
            text = (
                f"A compressed block may have {_MOST_OF_BLOCK} bytes, this has {packed_size}, unpacked {plain_size}; "
                f"a body may have {_MOST_OF_BODY} unpacked"
            )
            raise ClickHouseError(131, "TOO_LARGE_SIZE_COMPRESSED", text)
        if packed_size < _HEADER.size:
            raise _not_as_told(because=f"its header alone has more bytes than the {packed_size} that it says")
        end = start + packed_size
        if len(view) < end:
            raise _cut_off()
        if _checksum(view[start:end]) != view[:start]:
            text = "The checksum of a compressed block does not match: it is damaged, or no block at all"
            raise ClickHouseError(40, "CHECKSUM_DOESNT_MATCH", text)
        plain += _unpack_block(codec, view[start + _HEADER.size : end], plain_size)
        view = view[end:]
    return bytes(plain)


def _checksum(block: bytes | memoryview) -> bytes:
    both = CityHash128(block)
    return _CHECKSUM.pack(both >> 64, both & 0xFFFF_FFFF_FFFF_FFFF)


def _pack_block(part: bytes) -> bytes:
    packed = bytes(cramjam.lz4.compress_block(part, store_size=False))
    block = _HEADER.pack(_LZ4, _HEADER.size + len(packed), len(part)) + packed
    return _checksum(block) + block


def _unpack_block(codec: int, packed: memoryview, size: int) -> bytearray:
    if codec not in (_PLAIN, _LZ4, _ZSTD):
        text = f"Unknown codec of a compressed block: {codec:#04x}; known ones: LZ4, ZSTD, NONE"
        raise ClickHouseError(432, "UNKNOWN_CODEC", text)
    # The decoder wants a place to write to even for an empty block.
    plain = bytearray(size or 1)
    written = len(packed)
    try:
        if codec == _PLAIN:
            plain = bytearray(packed)
        elif codec == _LZ4:
            written = cramjam.lz4.decompress_block_into(bytes(packed), plain, output_len=len(plain))
        else:
            written = cramjam.zstd.decompress_into(bytes(packed), plain)
    except cramjam.DecompressionError as error:
        raise _not_as_told(because=str(error)) from error
    if written != size:
        raise _not_as_told(because=f"unpacked it has {written} bytes and says that it has {size}")
    return plain[:size]


def _cut_off() -> ClickHouseError:
    return ClickHouseError(33, "CANNOT_READ_ALL_DATA", "A compressed block is cut off")


def _not_as_told(*, because: str) -> ClickHouseError:
    return ClickHouseError(271, "CANNOT_DECOMPRESS", f"A compressed block cannot be unpacked: {because}")
