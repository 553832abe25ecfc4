"""Results in Native as clients get them that name the version of the protocol they speak (`client_protocol_version`).

From version 54454 on each block begins with its info and each column says whether it is serialized in a special way.
Drivers in Go, which Grafana's data source uses, read nothing else. The engine writes the plain form, so the missing
bytes are put in between. What it leaves out of types for the oldest clients stays out: the time zone of a DateTime.
"""

from __future__ import annotations

from typing import Final

from deploy.local.clickhouse.native_columns import Cursor, skip_column

__all__ = ["LEAST_VERSION", "SETTINGS", "with_protocol"]

LEAST_VERSION: Final = 54_454

# What a statement needs for `with_protocol` to find its way through columns of type JSON.
SETTINGS: Final = {"output_format_native_write_json_as_string": "1"}

# Field 1, is_overflows: no. Field 2, bucket_num: -1. No more fields.
_BLOCK_INFO: Final = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_USUAL_SERIALIZATION: Final = b"\x00"


def with_protocol(body: bytes) -> bytes:
    """Put block infos and serialization flags into a body of plain Native blocks.

    Raises ClickHouseError (NOT_IMPLEMENTED) for a column of a type whose end cannot be found.
    """
    cursor = Cursor(body)
    parts: list[bytes] = []
    while cursor.position < len(body):
        parts.append(_BLOCK_INFO)
        start = cursor.position
        columns = cursor.varint()
        rows = cursor.varint()
        for _ in range(columns):
            cursor.text()
            type_name = cursor.text()
            parts += [body[start : cursor.position], _USUAL_SERIALIZATION]
            start = cursor.position
            if rows:
                skip_column(cursor, type_name, rows)
        parts.append(body[start : cursor.position])
    return b"".join(parts)
