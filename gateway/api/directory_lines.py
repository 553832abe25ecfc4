"""Records of the directory as requests bring them: within bounds, read and checked one by one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from gateway.errors import ApiError
from gateway.ingest.json_bodies import MAX_DEPTH, nests_deeper
from schemas.fields import decode_object
from schemas.reference.directory import LARGEST_RECORD
from schemas.reference.directory_file import MODELS, parse_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from schemas.reference.lookup import Kind

__all__ = ["MOST_LINES", "Line", "in_turns", "read_lines", "read_record"]

_Item = TypeVar("_Item")

# Lines of one request: their results are answered together.
MOST_LINES: Final = 10_000

# Elements of a list or object within a record: each of them is kept in every process, and looked up.
_MOST_VALUES: Final = 100
# Of a token, whose academies may be all that the LMS has.
_MOST_ACADEMIES: Final = 1_000
_LISTS: Final = ("aliases", "academies", "translations", "notebook_names")


class Line(NamedTuple):
    """A line of a body: its number from 1, and its record's key and value (None deletes), or why it has none."""

    number: int
    key: bytes = b""
    value: bytes | None = None
    refused: ApiError | None = None


def read_lines(kind: Kind, body: bytes) -> list[Line]:
    """The lines of a body that are not blank; raises ApiError 413 for more than there may be."""
    lines = body.removeprefix(b"\xef\xbb\xbf").split(b"\n", MOST_LINES)
    if len(lines) > MOST_LINES and lines[-1].strip():
        raise ApiError("too-many-values.lines", limit=MOST_LINES)
    return [_line(kind, number, text.strip()) for number, text in enumerate(lines, start=1) if text.strip()]


def _line(kind: Kind, number: int, text: bytes) -> Line:
    try:
        _require_bounds(text)
        key, value = parse_line(kind, text)
        if value is not None:
            _require_short(kind, decode_object(value))
    except ApiError as error:
        return Line(number, refused=error)
    except ValueError as error:
        return Line(number, refused=_not_valid(error))
    return Line(number, key, value)


async def in_turns(items: Iterable[_Item], seconds: float, clock: Callable[[], float]) -> AsyncIterator[_Item]:
    """Items one by one; others on this loop have their turn when so long is gone, however dear each is."""
    begun = clock()
    for item in items:
        yield item
        if clock() - begun >= seconds:
            await asyncio.sleep(0)
            begun = clock()


def read_record(kind: Kind, key: bytes, body: bytes) -> bytes:
    """The value of a record that is put under a key; raises ApiError for what cannot be one."""
    _require_bounds(body)
    try:
        fields = decode_object(body)
        _require_short(kind, fields)
        if "deleted" in fields:
            message = "`deleted` is for lines and files; send DELETE to this address instead"
            raise ValueError(message)  # noqa: TRY301 - one way out for all that is not valid
        if kind == "tokens":
            # As on a line it may name what the address does.
            named = fields.get("id")
            if named is not None and named != key.decode():
                message = "`id` is another one than in the address"
                raise ValueError(message)  # noqa: TRY301 - one way out for all that is not valid
        return MODELS[kind].parse(key, body).value
    except ValueError as error:
        raise _not_valid(error) from error


def _require_bounds(text: bytes) -> None:
    if len(text) > LARGEST_RECORD:
        raise ApiError("body-too-large.record", limit=LARGEST_RECORD)
    if nests_deeper(text, MAX_DEPTH):
        raise ApiError("json-too-deep", limit=MAX_DEPTH)


def _require_short(kind: Kind, fields: dict[str, Any]) -> None:
    for name in _LISTS:
        values = fields.get(name)
        most = _MOST_ACADEMIES if kind == "tokens" else _MOST_VALUES
        if isinstance(values, list | dict) and len(values) > most:
            message = f"`{name}` may have {most} values at most, not {len(values)}"
            raise ValueError(message)
        lists = values.values() if isinstance(values, dict) else ()
        if any(isinstance(one, list) and len(one) > _MOST_VALUES for one in lists):
            message = f"a list within `{name}` may have {_MOST_VALUES} values at most"
            raise ValueError(message)


def _not_valid(error: ValueError) -> ApiError:
    return ApiError("invalid-directory-record", reason=str(error).rstrip("."))
