"""Compressed bodies come out whole or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.clickhouse.compression import choose_encoding, compress, compress_pieces, decompress
from deploy.local.clickhouse.errors import ClickHouseError

ENCODINGS = ["lz4", "zstd", "gzip", "deflate", "br", "snappy", "xz", "bz2"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(pieces=st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_what_is_compressed_piece_by_piece_is_decompressed_as_a_whole(encoding: str, pieces: list[bytes]) -> None:
    """The pieces of a response make one stream of the codec."""
    packed = b"".join(compress_pieces(iter(pieces), encoding))

    assert decompress(packed, encoding) == b"".join(pieces)


# Snappy's streams have no end mark: one that ends between two frames is whole for all that its decoder knows.
@pytest.mark.parametrize("encoding", sorted(set(ENCODINGS) - {"snappy"}))
@given(body=st.binary(min_size=1, max_size=300), cut=st.integers(1, 20))
def test_a_stream_that_is_cut_off_is_refused(encoding: str, body: bytes, cut: int) -> None:
    """Whatever end is missing, nothing is taken."""
    packed = compress(body, encoding)

    if cut < len(packed):
        with pytest.raises(ClickHouseError, match="Code: 271"):
            decompress(packed[:-cut], encoding)


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate", "br", "bz2"])
@given(body=st.binary(max_size=300), more=st.integers(1, 9))
def test_bytes_behind_a_stream_are_refused(encoding: str, body: bytes, more: int) -> None:
    """Something that follows the stream is not dropped."""
    with pytest.raises(ClickHouseError, match="Code: 271"):
        decompress(compress(body, encoding) + b"\x01" * more, encoding)


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_plain_bodies_stay(encoding: str) -> None:
    """No encoding and `identity` leave a body as it is."""
    assert decompress(b"plain", encoding) == b"plain"


def test_an_empty_body_is_empty_in_every_encoding() -> None:
    """A request without a body may still name the encoding of its client."""
    assert decompress(b"", "gzip") == b""


def test_an_unknown_codec_is_named() -> None:
    """The error tells what was asked for and what there is."""
    with pytest.raises(ClickHouseError, match=r"Code: 89.*'sdch'.*known ones: lz4, zstd, gzip"):
        decompress(b"x", "sdch")


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", ""),
        ("identity", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("LZ4;q=1.0, zstd", "lz4"),
        ("lz4;q=0, gzip; q=0.8", "gzip"),
        ("*", ""),
    ],
)
def test_the_best_accepted_codec_is_chosen(accepted: str, chosen: str) -> None:
    """Among the codecs that a client accepts, the fastest is taken."""
    assert choose_encoding(accepted) == chosen
