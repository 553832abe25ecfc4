"""The members of a JSON object by name, each as the text that it is, so that large ones are put together unread.

Reading a megabyte of small values makes as many objects and holds the interpreter for as long; checking it does not.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

__all__ = ["join", "members"]

_decode: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def members(text: bytes) -> dict[str, Any] | None:
    """The members of an object, of a repeated name the last; None where the text is no JSON object in UTF-8."""
    try:
        if not text.isascii():
            text.decode()
        return _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def join(members_by_name: dict[str, Any]) -> bytes:
    """An object of such members and of plain values, as JSON."""
    return msgspec.json.encode(members_by_name)
