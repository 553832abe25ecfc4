"""Bodies that no well-behaved client sends, all of which can be in the log."""

from __future__ import annotations

from typing import Final

__all__ = ["ODD_BODIES"]

ODD_BODIES: Final[dict[str, bytes | None]] = {
    "no value": None,
    "nothing": b"",
    "null": b"null",
    "a number": b"7",
    "a text": b'"7"',
    "a list": b'[{"user_id": 203}]',
    "no JSON": b"user_id=203",
    "zeros": b"\0\0\0",
    "brackets": b"[" * 3_000,
    "a deep object": b'{"user_id": 203, "x": ' + b"[" * 2_000 + b"]" * 2_000 + b"}",
    "no UTF-8": b'{"user_id": 203, "slug": "\xff\xfe"}',
    "half a pair": b'{"user_id": 203, "slug": "\\ud83d"}',
    "a mark of byte order": b'\xef\xbb\xbf{"user_id": 203, "slug": "x"}',
    "a number without end": b'{"user_id": 1e999, "slug": "x"}',
    "a number of thirty digits": b'{"user_id": 123456789012345678901234567890, "slug": "x"}',
    "a key twice": b'{"user_id": 1, "user_id": 203, "slug": "x"}',
    "an escaped key": b'{"user\\u005fid": 203, "slug": "x"}',
    "cut": b'{"user_id": 203, "sl',
    "followed": b'{"user_id": 203} {"user_id": 4}',
}
