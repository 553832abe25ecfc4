"""ClickHouse's RowBinary encoding, for rows whose bytes must arrive as they are.

Format: https://clickhouse.com/docs/en/interfaces/formats/RowBinary (little-endian; LEB128 lengths; a null byte before
each nullable value).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from schemas.wire.rows import HEADERS_TYPE
from sinks.errors import BadRecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from schemas.wire.rows import Table

__all__ = ["row_encoder"]


def _length(size: int) -> bytes:
    out = bytearray()
    while size > 0x7F:  # noqa: PLR2004 - seven bits a byte
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    return bytes(out)


def _text(value: str | bytes | None) -> bytes:
    data = value if type(value) is bytes else (value or "").encode("utf-8", "surrogatepass")  # type: ignore[union-attr]
    return _length(len(data)) + data


def _map(value: Mapping[str, bytes] | None) -> bytes:
    value = value or {}
    return _length(len(value)) + b"".join(_text(name) + _text(item) for name, item in value.items())


def _headers(value: Sequence[tuple[str, bytes | None]] | None) -> bytes:
    value = value or ()
    pairs = (_text(name) + (b"\x01" if item is None else b"\x00" + _text(item)) for name, item in value)
    return _length(len(value)) + b"".join(pairs)


def _number(code: str) -> Callable[[Any], bytes]:
    pack = struct.Struct(f"<{code}").pack
    return lambda value: pack(value or 0)


_ENCODERS: Final[dict[str, Callable[[Any], bytes]]] = {
    "String": _text,
    "LowCardinality(String)": _text,
    "Map(String, String)": _map,
    HEADERS_TYPE: _headers,
    "UInt8": _number("B"),
    "UInt32": _number("I"),
    "UInt64": _number("Q"),
    "Int32": _number("i"),
    "Int64": _number("q"),
    # Milliseconds since 1970 (UTC).
    "DateTime64(3, 'UTC')": _number("q"),
}


def _encoder(kind: str) -> Callable[[Any], bytes]:
    if not kind.startswith("Nullable("):
        return _ENCODERS[kind]
    encode = _ENCODERS[kind.removeprefix("Nullable(").removesuffix(")")]
    return lambda value: b"\x01" if value is None else b"\x00" + encode(value)


def row_encoder(table: Table, columns: tuple[str, ...]) -> Callable[[Mapping[str, Any]], bytes]:
    """An encoder of rows with these columns of a table, in this order.

    Instants are integers of milliseconds, missing values are zero, empty or null. The encoder raises BadRecordError for
    a value that its column cannot hold.
    """
    kinds = {column.name: column.type for column in table.columns}
    encoders = [(name, _encoder(kinds[name])) for name in columns]

    def encode(row: Mapping[str, Any]) -> bytes:
        parts: list[bytes] = []
        for name, encoder in encoders:
            value = row.get(name)
            try:
                parts.append(encoder(value))
            except (struct.error, AttributeError, TypeError, ValueError, OverflowError) as error:
                message = f"{name} cannot hold {value!r:.100}"
                raise BadRecordError(message) from error
        return b"".join(parts)

    return encode
