"""Bodies compressed with the codecs that HTTP's Content-Encoding names, both ways."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

import cramjam

from deploy.local.clickhouse.errors import ClickHouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

__all__ = ["choose_encoding", "compress", "compress_pieces", "decompress"]


def _inflate(body: bytes) -> bytes:
    stream = zlib.decompressobj()
    plain = stream.decompress(body)
    if not stream.eof or stream.unused_data:
        message = "the stream is cut off or followed by other data"
        raise ValueError(message)
    return plain


def _unbrotli(body: bytes) -> bytes:
    plain = bytes(cramjam.brotli.decompress(body))
    try:
        cramjam.brotli.decompress(body[:-1])
    except cramjam.DecompressionError:
        return plain
    # The decoder says nothing of bytes after the end of its stream, which would be lost.
    message = "the stream is followed by other data"
    raise ValueError(message)


_DECODERS: Final[dict[str, Callable[[bytes], Any]]] = {
    "lz4": cramjam.lz4.decompress,
    "zstd": cramjam.zstd.decompress,
    "gzip": cramjam.gzip.decompress,
    "x-gzip": cramjam.gzip.decompress,
    "deflate": _inflate,
    "br": _unbrotli,
    "snappy": cramjam.snappy.decompress,
    "xz": cramjam.xz.decompress,
    "bz2": cramjam.bzip2.decompress,
}
# In the order of preference where a client accepts several.
_ENCODERS: Final[dict[str, Callable[[], Any]]] = {
    "lz4": cramjam.lz4.Compressor,
    "zstd": cramjam.zstd.Compressor,
    "gzip": lambda: cramjam.gzip.Compressor(3),
    "deflate": lambda: cramjam.zlib.Compressor(3),
    "br": lambda: cramjam.brotli.Compressor(1),
    "snappy": cramjam.snappy.Compressor,
    "xz": cramjam.xz.Compressor,
    "bz2": cramjam.bzip2.Compressor,
}


def decompress(body: bytes, encoding: str) -> bytes:
    """Decompress a request's body; `encoding` is the value of Content-Encoding, empty for a plain body.

    Raises ClickHouseError for an unknown codec (UNKNOWN_COMPRESSION_METHOD) and for a body that is cut off, damaged or
    followed by anything (CANNOT_DECOMPRESS).
    """
    name = encoding.strip().lower()
    if name in ("", "identity") or not body:
        return body
    decoder = _DECODERS.get(name)
    if decoder is None:
        text = f"Unknown HTTP content encoding {encoding!r}; known ones: {', '.join(_DECODERS)}"
        raise ClickHouseError(89, "UNKNOWN_COMPRESSION_METHOD", text)
    try:
        return bytes(decoder(body))
    except (cramjam.DecompressionError, ValueError, zlib.error) as error:
        text = f"The body is not valid {name}: {error}"
        raise ClickHouseError(271, "CANNOT_DECOMPRESS", text) from error


def choose_encoding(accepted: str) -> str:
    """The best codec of an Accept-Encoding header that the server has; empty if none."""
    offered = {}
    for item in accepted.lower().split(","):
        name, _, parameters = item.strip().partition(";")
        offered[name.strip()] = parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return next((name for name in _ENCODERS if offered.get(name)), "")


def compress(body: bytes, encoding: str) -> bytes:
    """Compress a whole body with a codec that `choose_encoding` named; an empty name leaves it plain."""
    return b"".join(compress_pieces(iter((body,)), encoding))


def compress_pieces(pieces: Iterator[bytes], encoding: str) -> Generator[bytes, None, None]:
    """Compress a body that comes in pieces, each piece as soon as it is there."""
    if not encoding:
        yield from pieces
        return
    codec = _ENCODERS[encoding]()
    for piece in pieces:
        codec.compress(piece)
        if compressed := bytes(codec.flush()):
            yield compressed
    yield bytes(codec.finish())
