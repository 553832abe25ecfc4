"""Bodies without their Content-Encoding, at a cost that their size bounds, however they were packed."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from gateway.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["decompress"]

_GZIP: Final = 31

# What follows a member is copied, so it is handed over in pieces; and a file that was put together has a few members.
_PIECE_BYTES: Final = 64 << 10
_MOST_MEMBERS: Final = 256


def decompress(body: bytes, encoding: bytes, limit: int) -> bytes:
    """The body without its Content-Encoding, never more than `limit` bytes of it in memory.

    The work is linear in what comes in and goes out. Raises ApiError: 415 for anything but gzip and identity, 400 for
    bad gzip and for more than 256 members, 413 for too much.
    """
    if encoding in (b"", b"identity"):
        if len(body) > limit:
            raise ApiError("body-too-large", limit=limit)
        return body
    if encoding not in (b"gzip", b"x-gzip"):
        raise ApiError("unsupported-content-encoding", {"Accept-Encoding": "gzip"})
    view = memoryview(body)
    unpacked: list[bytes] = []
    room, at = limit, 0
    for _ in range(_MOST_MEMBERS):
        if at == len(view):
            return b"".join(unpacked)
        for text, taken in _member(view[at:], room + 1):
            at += taken
            room -= len(text)
            if room < 0:
                raise ApiError("body-too-large", limit=limit)
            unpacked.append(text)
    if at < len(view):
        raise ApiError("invalid-gzip")
    return b"".join(unpacked)


def _member(view: memoryview, room: int) -> Iterator[tuple[bytes, int]]:
    """What a member unpacks to, piece by piece, with the bytes that each was in; none follows one of `room` bytes."""
    member = zlib.decompressobj(_GZIP)
    at = 0
    while not member.eof:
        piece = view[at : at + _PIECE_BYTES]
        if not piece:
            raise ApiError("invalid-gzip")
        try:
            text = member.decompress(piece, room)
        except zlib.error:
            raise ApiError("invalid-gzip") from None
        room -= len(text)
        taken = len(piece) - len(member.unused_data)
        at += taken
        yield text, taken
