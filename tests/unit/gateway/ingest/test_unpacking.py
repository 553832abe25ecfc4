"""Unpacking of bodies."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ApiError
from gateway.ingest import unpacking
from gateway.ingest.unpacking import decompress


@given(st.binary(max_size=2000), st.integers(0, 2000))
def test_gzip_is_read_up_to_the_limit(body: bytes, limit: int) -> None:
    """Exactly the limit passes, one byte more does not."""
    packed = gzip.compress(body[: len(body) // 2]) + gzip.compress(body[len(body) // 2 :])
    if len(body) <= limit:
        assert decompress(packed, b"gzip", limit) == body
    else:
        with pytest.raises(ApiError, match="body-too-large"):
            decompress(packed, b"gzip", limit)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader_of_gzip(body: bytes) -> None:
    """What is no gzip is refused, whatever it is."""
    with contextlib.suppress(ApiError):
        assert len(decompress(body, b"gzip", 1000)) <= 1000


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=8), st.integers(1, 64))
def test_members_of_any_size_are_joined(bodies: list[bytes], piece: int) -> None:
    """Wherever a member begins within the pieces that are handed over, nothing is lost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpacking, "_PIECE_BYTES", piece)

        assert decompress(b"".join(map(gzip.compress, bodies)), b"gzip", 10_000) == b"".join(bodies)


class Counted:
    """Stands in for zlib, and counts the bytes that are handed to it and those that it hands back."""

    def __init__(self) -> None:
        self.copied = 0
        self.members = 0

    def decompressobj(self, bits: int) -> Any:
        """A member that counts."""
        self.members += 1
        return _Member(self, zlib.decompressobj(bits))

    error = zlib.error


class _Member:
    def __init__(self, counted: Counted, member: Any) -> None:
        self.counted, self.member = counted, member

    def decompress(self, piece: memoryview, room: int) -> bytes:
        part: bytes = self.member.decompress(piece, room)
        self.counted.copied += len(piece) + len(self.member.unused_data)
        return part

    def __getattr__(self, name: str) -> Any:
        return getattr(self.member, name)


@pytest.mark.parametrize("member", [gzip.compress(b""), gzip.compress(b"{}"), gzip.compress(bytes(5000))])
def test_thousands_of_members_are_not_worth_any_work(monkeypatch: pytest.MonkeyPatch, member: bytes) -> None:
    """5 MiB of them are refused after some hundreds, with a bounded number of bytes touched."""
    counted = Counted()
    monkeypatch.setattr(unpacking, "zlib", counted)

    with pytest.raises(ApiError, match="invalid-gzip"):
        decompress(member * ((5 << 20) // len(member)), b"gzip", 50 << 20)

    assert counted.members <= 256
    assert counted.copied < 64 << 20


def test_one_member_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is that of its size."""
    counted = Counted()
    monkeypatch.setattr(unpacking, "zlib", counted)
    packed = gzip.compress(bytes(range(256)) * 4096, 0)

    assert len(decompress(packed, b"gzip", 2 << 20)) == 1 << 20
    assert counted.copied <= len(packed)
