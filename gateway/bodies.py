"""Request bodies: read within bounds of size, time and nesting, whatever a caller sends."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson

from gateway.deadlines import Deadlines
from gateway.errors import ApiError, ClientGoneError
from schemas.lenient import Mending, mend

__all__ = ["MAX_DEPTH", "READ_SECONDS", "check_depth", "decompress", "parse_json", "parse_object", "read_body"]

Receive = Callable[[], Awaitable[Any]]

# Real documents nest 6 deep; orjson itself gives up at 1024, on loads and on dumps.
MAX_DEPTH: Final = 64

# A student's phone on a bad line sends 950 kB in this time at 32 kB/s; who is slower holds a connection for nothing.
READ_SECONDS: Final = 30.0

_GZIP: Final = 31

_deadlines: Final = Deadlines(READ_SECONDS)


async def read_body(receive: Receive, *, limit: int, declared: int | None) -> bytes:
    """The body of a request, as sent.

    `declared` is its Content-Length, if any; `limit` is in bytes. Raises ApiError (413 as soon as it is known to be too
    large, 408 when it does not arrive in time) and ClientGoneError.
    """
    if declared is not None and declared > limit:
        raise ApiError("body-too-large", limit=limit)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this is a coroutine
    _deadlines.watch(task)
    try:
        body = await _read(receive, limit)
    except asyncio.CancelledError:
        if _deadlines.release(task):
            task.uncancel()
            raise ApiError("body-timeout", {"Connection": "close"}, seconds=int(READ_SECONDS)) from None
        raise
    finally:
        _deadlines.release(task)
    return body


async def _read(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise ApiError("body-too-large", limit=limit)
        if not message.get("more_body"):
            return b"".join((*parts, part)) if parts else part
        parts.append(part)


def decompress(body: bytes, encoding: bytes, limit: int) -> bytes:
    """The body without its Content-Encoding, never more than `limit` bytes of it in memory.

    Raises ApiError: 415 for anything but gzip and identity, 400 for bad gzip, 413 for too much.
    """
    if encoding in (b"", b"identity"):
        return body
    if encoding not in (b"gzip", b"x-gzip"):
        raise ApiError("unsupported-content-encoding", {"Accept-Encoding": "gzip"})
    parts: list[bytes] = []
    room = limit
    try:
        while body:
            member = zlib.decompressobj(_GZIP)
            part = member.decompress(body, room + 1)
            room -= len(part)
            if room < 0:
                raise ApiError("body-too-large", limit=limit)
            parts.append(part)
            if not member.eof:
                raise ApiError("invalid-gzip")
            body = member.unused_data
    except zlib.error:
        raise ApiError("invalid-gzip") from None
    return b"".join(parts)


def _not_counted(_what: Mending) -> None:
    pass


def parse_json(body: bytes, mended: Callable[[Mending], None] = _not_counted) -> Any:
    """The JSON in a body; raises ApiError 400 for bad JSON and too deep nesting.

    What is nearly JSON is read too (schemas.lenient); `mended` is called with each kind of what was mended.
    """
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
    # Most events have too few brackets, wherever they stand, to nest too deep.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        check_depth(parsed)
    return parsed


def parse_object(body: bytes, mended: Callable[[Mending], None] = _not_counted) -> dict[str, Any]:
    """The JSON object in a body, as parse_json reads it; raises ApiError 400 for anything else."""
    parsed = parse_json(body, mended)
    if type(parsed) is not dict:
        raise ApiError("invalid-body")
    return parsed


def check_depth(parsed: Any) -> None:
    """Raise ApiError 400 where parsed JSON nests deeper than MAX_DEPTH."""
    level = [parsed] if type(parsed) in (dict, list) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        level = [
            value
            for container in level
            for value in (container.values() if type(container) is dict else container)
            if type(value) is dict or type(value) is list
        ]
    if level:
        raise ApiError("json-too-deep", limit=MAX_DEPTH)
