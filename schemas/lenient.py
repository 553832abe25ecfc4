"""JSON as clients really write it: what is nearly JSON is read too, and every part reads it alike.

JavaScript cuts texts inside an emoji, Windows' editors begin files with a byte order mark, Python writes NaN: none of
that is JSON, all of it is telemetry. What cannot be said in JSON becomes U+FFFD in texts, null among numbers.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, Final, Literal, NamedTuple

import orjson

__all__ = ["Mended", "Mending", "as_utf8", "loads", "mend"]

Mending = Literal["encoding", "surrogate", "value"]

# Mending a value takes the whole text apart into objects of ten and more times its size; no real one has as many.
_MOST_VALUES: Final = 1 << 18
_LONGEST_INTEGER: Final = 19

# Of any JSON, with or without a byte order mark: so that nothing is decoded of what can be none.
_BEGINNING: Final = re.compile(rb"[\xef\xbb\xbf\xfe\xff\x00]{0,4}[ \t\r\n\x00]*[\[{\"0-9tfnNI-]")

# An escape begins after an even number of backslashes. A high half and the low one that follows it are a character.
_SURROGATES: Final = re.compile(
    rb"(?<!\\)((?:\\\\)*+)(?:(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_MAYBE_SURROGATE: Final = (rb"\ud", rb"\uD")


class Mended(NamedTuple):
    """A text that is JSON now, and what of it was not."""

    text: bytes
    what: tuple[Mending, ...]


def loads(text: bytes) -> Any:
    """The value of a text that is JSON or can be mended; raises ValueError for any other."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return orjson.loads(mend(text).text)


def as_utf8(text: bytes) -> bytes:
    """A text as UTF-8 without a byte order mark; the same object where it is that already."""
    encoding = json.detect_encoding(text)
    if encoding == "utf-8":
        if text.isascii():
            return text
        try:
            text.decode()
        except UnicodeDecodeError:
            return text.decode(errors="replace").encode()
        return text
    return text.decode(encoding, "replace").encode()


def mend(text: bytes) -> Mended:
    """A text that is not JSON, as JSON in UTF-8; raises ValueError, which says why not, where it cannot be mended."""
    if not _BEGINNING.match(text):
        message = "it begins otherwise"
        raise ValueError(message)
    what: list[Mending] = []
    decoded = as_utf8(text)
    if decoded is not text:
        what.append("encoding")
    paired = _paired(decoded)
    if paired is not decoded:
        what.append("surrogate")
    if not what or not _is_json(paired):
        paired = _rewritten(paired)
        what.append("value")
    return Mended(paired, tuple(what))


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _paired(text: bytes) -> bytes:
    """The text without halves of surrogate pairs."""
    if not any(beginning in text for beginning in _MAYBE_SURROGATE):
        return text
    paired = _SURROGATES.sub(lambda match: match[0] if match[2] else match[1] + rb"\ufffd", text)
    return text if paired == text else paired


def _rewritten(text: bytes) -> bytes:
    """The text with null for numbers that JSON does not have; raises ValueError."""
    if sum(map(text.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        message = f"more than {_MOST_VALUES} values are not mended"
        raise ValueError(message)
    try:
        value = json.loads(
            text, strict=False, parse_constant=lambda _: None, parse_float=_finite, parse_int=_small_enough
        )
        return orjson.dumps(value)
    except (RecursionError, TypeError, UnicodeError) as error:
        raise ValueError(str(error)) from None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None


def _small_enough(text: str) -> int | float | None:
    return int(text) if len(text) <= _LONGEST_INTEGER else _finite(text)
