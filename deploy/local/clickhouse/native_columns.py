"""Where a column of the Native format ends, by its type."""

from __future__ import annotations

import re
from typing import Final

from deploy.local.clickhouse.errors import ClickHouseError

__all__ = ["Cursor", "skip_column"]

_SIZES: Final = {
    "Bool": 1, "Int8": 1, "UInt8": 1, "Enum8": 1, "Nothing": 1,
    "Int16": 2, "UInt16": 2, "Enum16": 2, "Date": 2, "BFloat16": 2,
    "Int32": 4, "UInt32": 4, "Float32": 4, "Date32": 4, "DateTime": 4, "IPv4": 4, "Decimal32": 4, "Time": 4,
    "Int64": 8, "UInt64": 8, "Float64": 8, "DateTime64": 8, "Decimal64": 8, "Time64": 8,
    "Int128": 16, "UInt128": 16, "UUID": 16, "IPv6": 16, "Decimal128": 16, "Point": 16,
    "Int256": 32, "UInt256": 32, "Decimal256": 32,
}  # fmt: skip
_INTERVAL_BYTES: Final = 8
# The most digits that a decimal of so many bytes holds.
_DECIMALS: Final = ((9, 4), (18, 8), (38, 16), (76, 32))
_SHAPES: Final = {
    "Ring": "Array(Point)",
    "LineString": "Array(Point)",
    "MultiLineString": "Array(Array(Point))",
    "Polygon": "Array(Array(Point))",
    "MultiPolygon": "Array(Array(Array(Point)))",
}
_WITH_OFFSETS: Final = ("Array", "Map", "Nested")
_CONTAINERS: Final = (*_WITH_OFFSETS, "Nullable", "Tuple", "SimpleAggregateFunction")
_TYPE: Final = re.compile(r"(\w+)(?:\((.*)\))?\Z", re.DOTALL)
_NAMED: Final = re.compile(r"(?:`(?:[^`\\]|\\.)*`|\w+)\s+(?=\w)")
_ARGUMENT: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[(),]|[^'`(),]+""")
_OFFSET_BYTES: Final = 8
_PREFIX_BYTES: Final = 8


class Cursor:
    """A place in the bytes of a Native body."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def skip(self, count: int) -> None:
        """Step over `count` bytes."""
        self.position += count

    def varint(self) -> int:
        """Read a number of variable length."""
        value = shift = 0
        while True:
            byte = self.data[self.position]
            self.position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004 - the bit that says there is more
                return value
            shift += 7

    def uint64(self) -> int:
        """Read a number of eight bytes."""
        self.position += 8
        return int.from_bytes(self.data[self.position - 8 : self.position], "little")

    def text(self) -> str:
        """Read a string with its length before it."""
        length = self.varint()
        self.position += length
        return self.data[self.position - length : self.position].decode()


def skip_column(cursor: Cursor, type_name: str, rows: int) -> None:
    """Step over a column of `rows` rows, at least one.

    Raises ClickHouseError (NOT_IMPLEMENTED) for Variant, Dynamic, aggregate states and types unknown here.
    """
    _skip_prefix(cursor, type_name)
    _skip_rows(cursor, type_name, rows)


def _skip_prefix(cursor: Cursor, type_name: str) -> None:
    name, arguments = _parse(type_name)
    if name in ("LowCardinality", "JSON"):
        cursor.skip(_PREFIX_BYTES)
    elif name in _CONTAINERS:
        for argument in arguments[1:] if name == "SimpleAggregateFunction" else arguments:
            _skip_prefix(cursor, argument)


def _skip_rows(cursor: Cursor, type_name: str, rows: int) -> None:
    if not rows:
        return
    name, arguments = _parse(type_name)
    size = _size(name, arguments)
    if size is not None:
        cursor.skip(size * rows)
    elif name in ("String", "JSON"):
        for _ in range(rows):
            cursor.skip(cursor.varint())
    elif name == "LowCardinality":
        _skip_low_cardinality(cursor, arguments[0])
    elif name in _CONTAINERS and arguments:
        if name == "Nullable":
            cursor.skip(rows)
        elif name in _WITH_OFFSETS:
            cursor.skip(_OFFSET_BYTES * (rows - 1))
            rows = cursor.uint64()
        for argument in arguments[1:] if name == "SimpleAggregateFunction" else arguments:
            _skip_rows(cursor, argument, rows)
    else:
        text = f"The local server cannot send {type_name} in Native to this driver: convert it or choose another FORMAT"
        raise ClickHouseError(48, "NOT_IMPLEMENTED", text)


def _skip_low_cardinality(cursor: Cursor, type_name: str) -> None:
    index_bytes = 1 << (cursor.uint64() & 0xFF)
    name, arguments = _parse(type_name)
    _skip_rows(cursor, arguments[0] if name == "Nullable" else type_name, cursor.uint64())
    cursor.skip(index_bytes * cursor.uint64())


def _size(name: str, arguments: list[str]) -> int | None:
    if name.startswith("Interval"):
        return _INTERVAL_BYTES
    if name == "FixedString":
        return int(arguments[0])
    if name == "Decimal":
        return next(size for digits, size in _DECIMALS if int(arguments[0]) <= digits)
    return _SIZES.get(name)


def _parse(type_name: str) -> tuple[str, list[str]]:
    """Take a type apart into its name and its arguments, without the names of tuple elements."""
    match = _TYPE.match(_SHAPES.get(type_name, type_name))
    if match is None:
        raise ClickHouseError(50, "UNKNOWN_TYPE", f"Unknown data type {type_name}")
    name, inside = match[1], match[2]
    arguments = [] if inside is None else _split(inside)
    if name in ("Tuple", "Nested"):
        arguments = [
            argument[named.end() :] if (named := _NAMED.match(argument)) else argument for argument in arguments
        ]
    return name, arguments


def _split(text: str) -> list[str]:
    parts = [""]
    depth = 0
    for piece in _ARGUMENT.findall(text):
        depth += (piece == "(") - (piece == ")")
        if piece == "," and not depth:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts if part.strip()]
