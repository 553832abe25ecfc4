"""ClickHouse's answer as it comes, and whether it is all of it.

What the driver reads at once the server sends when the query has ended. A stream begins before, with status 200: if the
query fails then, a server breaks the connection off, or, since 25.11, ends the answer well with the error as its last
part, between marks that the answer's head announces. Formats have marks of their own, too: what ends without it is
not whole, whatever the connection said.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

from clickhouse_connect.driver.exceptions import OperationalError
from urllib3.exceptions import DecodeError, IncompleteRead, ProtocolError

from broker.clickhouse_errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clickhouse_connect.driver.client import Client

__all__ = ["PARQUET", "EndedError", "pieces"]

# How a file of Parquet ends.
PARQUET: Final = b"PAR1"

_AT_ONCE: Final = 1 << 20
_TAG: Final = "x-clickhouse-exception-tag"
_MARK: Final = "__exception__\r\n"
# Longer than the longest error that a server writes, with its marks.
_TAIL: Final = 1 << 15
_CODE: Final = re.compile(r"\bCode:\s*(\d+)")


class EndedError(OperationalError):
    """An answer ended in the middle; the text says why, as far as the server did."""


def pieces(
    client: Client,
    query: str,
    parameters: Mapping[str, Any],
    settings: Mapping[str, Any],
    fmt: str,
    *,
    end: bytes = b"",
) -> Iterator[bytes]:
    """The answer in a format, in pieces, of which nothing counts before the last has come.

    Raises EndedError where it is not whole, or does not have this `end`, and CLICKHOUSE_ERRORS of broker.
    """
    stream: Any = client.raw_stream(query, dict(parameters), dict(settings), fmt=fmt)
    tail = b""
    with contextlib.closing(stream):
        try:
            while piece := stream.read(_AT_ONCE):
                tail = (tail + piece)[-_TAIL:]
                yield piece
        except (ProtocolError, IncompleteRead, DecodeError) as error:
            raise EndedError(one_line(error)) from error
        _check(tail, stream.headers.get(_TAG), end)


def _check(tail: bytes, tag: str | None, end: bytes) -> None:
    """Raise EndedError if an answer's last bytes are an error, or not what they have to be."""
    if tag is not None and tail.endswith(f" {tag}\r\n{_MARK}".encode()):
        told = tail.decode(errors="replace").rpartition(f"{_MARK}{tag}\r\n")[2].strip() or "an error of the server's"
        code = _CODE.search(told)
        raise EndedError(told.splitlines()[0], code=int(code[1]) if code else None)
    if not tail.endswith(end):
        message = "the end is missing"
        raise EndedError(message)
