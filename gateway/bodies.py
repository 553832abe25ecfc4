"""Request bodies: read within bounds of size and time, whatever a caller sends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from gateway.deadlines import Deadlines
from gateway.errors import ApiError, ClientGoneError

__all__ = ["READ_SECONDS", "read_body"]

Receive = Callable[[], Awaitable[Any]]

# A student's phone on a bad line sends 950 kB in this time at 32 kB/s; who is slower holds a connection for nothing.
READ_SECONDS: Final = 30.0

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
