"""JSON of bodies, within bounds of nesting and of what it takes to hold it."""

from __future__ import annotations

import re
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import orjson

from gateway.errors import ApiError
from schemas.lenient import as_utf8, mend

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.lenient import Mending

__all__ = [
    "AT_A_GLANCE_BYTES",
    "MAX_CONTAINERS",
    "MAX_DEPTH",
    "MAX_VALUES",
    "Glance",
    "glance",
    "glance_at_once",
    "nests_deeper",
    "parse_json",
]

# Real documents nest 6 deep; orjson itself gives up at 1024, on loads and on dumps.
MAX_DEPTH: Final = 64

# Objects and lists of one body. Each takes up to a hundred times its bytes, and no real body has a tenth of these.
MAX_CONTAINERS: Final = 1 << 17

# Values of one body, as commas tell: each key is an object of its own, and the thread that makes them holds up all
# others meanwhile. The largest real document has 2,000.
MAX_VALUES: Final = 1 << 17

# Commas in what says whose a body is, which is read whole: a list of assets' ids has a few.
_MOST_NAMED: Final = 1 << 13

# What can be read without a thread's turn, which costs more: a body of this size with few brackets takes a millisecond
# or a little more, whatever stands in it, and names in a few bytes whose it is.
AT_A_GLANCE_BYTES: Final = 256 << 10
_FEW_BRACKETS: Final = 8 << 10
_SHORT_NAME: Final = 1 << 10

# A value of this length nests less deep than may be, and holds fewer values.
_PLAIN_BYTES: Final = 2 * MAX_DEPTH

# It takes longer to count brackets of a longer text than to leave out all else.
_COUNTED_BYTES: Final = 4 << 10

_ALL_BUT_BRACKETS: Final = bytes(set(range(256)) - set(b'"[]{}'))
_ALL_BUT_COMMAS: Final = bytes(set(range(256)) - set(b'",'))
_AS_SQUARE: Final = bytes.maketrans(b"{}", b"[]")
_TEXTS: Final = re.compile(rb'"[^"]*"')

# The innermost pairs are taken away so often, which is cheap for what is flat; what is left is walked once, in pieces
# that let other threads in between.
_PASSES: Final = 8
_STEPS: Final = {ord("["): 1, ord("]"): -1}
_PIECE_BYTES: Final = 32 << 10


class _Fields(msgspec.Struct):
    """What says whose a body is, not yet read; all else is only checked."""

    user_id: msgspec.Raw = msgspec.Raw()
    telemetry_id: msgspec.Raw = msgspec.Raw()
    academy_id: msgspec.Raw = msgspec.Raw()
    asset_id: msgspec.Raw = msgspec.Raw()
    package_slug: msgspec.Raw = msgspec.Raw()
    slug: msgspec.Raw = msgspec.Raw()


_FIELDS: Final = msgspec.json.Decoder(_Fields)
_NAMES: Final = _Fields.__struct_fields__
_raws: Final = attrgetter(*_NAMES)


class Glance(NamedTuple):
    """A body in UTF-8, and of its object the fields that say whose it is; `blank` where it says nothing at all."""

    body: bytes
    fields: dict[str, Any]
    blank: bool


def glance(body: bytes, mended: Callable[[Mending], None]) -> Glance:
    """Check that a body is a JSON object and read whose it is, without taking it apart.

    What is nearly JSON passes (schemas.lenient); `mended` is called with each kind of what would have to be mended.
    Raises ApiError 400 and 413.
    """
    if not body or body.isspace():
        return Glance(b"", {}, blank=True)
    try:
        decoded = _FIELDS.decode(body)
    except (msgspec.DecodeError, RecursionError):
        parsed = parse_json(body, mended)
        if type(parsed) is not dict:
            raise ApiError("invalid-body") from None
        named = {name: parsed[name] for name in _NAMES if name in parsed}
        return Glance(as_utf8(body), named, blank=not parsed)
    if nests_deeper(body, MAX_DEPTH):
        raise ApiError("json-too-deep", limit=MAX_DEPTH)
    return _seen(body, decoded, mended)


def glance_at_once(body: bytes, mended: Callable[[Mending], None]) -> Glance | None:
    """What `glance` gives, of a body of up to AT_A_GLANCE_BYTES; None where that may take more than a moment."""
    try:
        decoded = _FIELDS.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    brackets = _outside_texts(body, _ALL_BUT_BRACKETS, _AS_SQUARE)
    if len(brackets) > _FEW_BRACKETS or any(len(bytes(raw)) > _SHORT_NAME for raw in _raws(decoded)):
        return None
    if _deeper(brackets, MAX_DEPTH):
        raise ApiError("json-too-deep", limit=MAX_DEPTH)
    return _seen(body, decoded, mended)


def _seen(body: bytes, decoded: _Fields, mended: Callable[[Mending], None]) -> Glance:
    text = body if body.isascii() else as_utf8(body)
    if text is not body:
        mended("encoding")
    fields = {name: _named(bytes(raw), mended) for name, raw in zip(_NAMES, _raws(decoded), strict=True) if raw}
    return Glance(text, fields, blank=not fields and text.strip()[1:].lstrip() == b"}")


def _named(raw: bytes, mended: Callable[[Mending], None]) -> Any:
    if len(raw) < _PLAIN_BYTES:
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:
            # As below: it may be mended.
            pass
    if raw.count(b",") > _MOST_NAMED:
        raise ApiError("too-many-values", limit=_MOST_NAMED)
    return parse_json(raw, mended)


def parse_json(body: bytes, mended: Callable[[Mending], None]) -> Any:
    """The JSON in a body, in objects; `mended` as in `glance`.

    Raises ApiError: 400 for bad JSON and too deep nesting, 413 for more objects and lists, or more values,
    than there may be.
    """
    containers = body.count(b"[") + body.count(b"{")
    if containers > MAX_CONTAINERS or _holds_more(body, MAX_VALUES):
        limit = min(MAX_CONTAINERS, MAX_VALUES)
        raise ApiError("too-many-values", limit=limit) if _is_json(body) else ApiError("invalid-json")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            body, kinds = mend(body)
            parsed = orjson.loads(body)
        except ValueError:
            raise ApiError("invalid-json") from None
        for kind in kinds:
            mended(kind)
    if containers > MAX_DEPTH and nests_deeper(body, MAX_DEPTH):
        raise ApiError("json-too-deep", limit=MAX_DEPTH)
    return parsed


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def nests_deeper(text: bytes, depth: int) -> bool:
    """Whether JSON (not checked here) nests deeper than that, told from its brackets alone."""
    # Most events have too few brackets, wherever they stand, to nest too deep.
    if len(text) <= _COUNTED_BYTES and text.count(b"[") + text.count(b"{") <= depth:
        return False
    return _deeper(_outside_texts(text, _ALL_BUT_BRACKETS, _AS_SQUARE), depth)


def _deeper(brackets: bytes, depth: int) -> bool:
    """Whether the brackets of a text, all of them square, nest deeper than that."""
    passes = min(depth, _PASSES)
    for _ in range(passes):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets) and (passes == depth or _walk_deeper(brackets, depth - passes))


def _holds_more(text: bytes, commas: int) -> bool:
    # Code has commas, too: what stands in texts counts only where there might be too many.
    return text.count(b",") > commas and _outside_texts(text, _ALL_BUT_COMMAS).count(b",") > commas


def _outside_texts(text: bytes, dropped: bytes, table: bytes | None = None) -> bytes:
    """JSON without its texts and the bytes `dropped`, which are no quotes; the others by `table`."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes side by side have nothing between them, whether they are of one text or of two.
    return _TEXTS.sub(b"", text.translate(table, dropped).replace(b'""', b""))


def _walk_deeper(brackets: bytes, depth: int) -> bool:
    at = 0
    for start in range(0, len(brackets), _PIECE_BYTES):
        piece = map(_STEPS.__getitem__, brackets[start : start + _PIECE_BYTES])
        levels = list(accumulate(piece, initial=at))
        if max(levels) > depth:
            return True
        at = levels[-1]
    return False
