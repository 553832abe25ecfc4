"""Request bodies: read within bounds of size and time, whatever a caller sends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import ApiError, ClientGoneError
from gateway.ingest.deadlines import Deadlines

if TYPE_CHECKING:
    from gateway.ingest.shares import Share

__all__ = ["READ_SECONDS", "SILENT_SECONDS", "read_body"]

Receive = Callable[[], Awaitable[Any]]

# A student's phone on a bad line sends 950 kB in this time at 32 kB/s; who is slower holds a connection for nothing.
READ_SECONDS: Final = 30.0
SILENT_SECONDS: Final = 10.0

_deadlines: Final = Deadlines(SILENT_SECONDS)


async def read_body(receive: Receive, share: Share, *, limit: int, declared: int | None) -> bytes:
    """The body of a request, as sent; `share` counts what has arrived of it.

    `declared` is its Content-Length, if that is what tells where it ends; `limit` is in bytes. Raises ApiError (413 as
    soon as it is known to be too large, 408 when nothing comes for a while or not all comes in time, 503 without room)
    and ClientGoneError.
    """
    if declared is not None and declared > limit:
        raise ApiError("body-too-large", limit=limit)
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this is a coroutine
    _deadlines.watch(task)
    share.give_up = partial(_deadlines.expire, task)
    try:
        return await _read(receive, share, limit, declared, task)
    except asyncio.CancelledError:
        if _deadlines.release(task):
            task.uncancel()
            raise ApiError("body-timeout", {"Connection": "close"}, seconds=int(SILENT_SECONDS)) from None
        raise
    finally:
        share.give_up = None
        _deadlines.release(task)


async def _read(receive: Receive, share: Share, limit: int, declared: int | None, task: asyncio.Task[object]) -> bytes:
    loop = asyncio.get_running_loop()
    until = loop.time() + READ_SECONDS
    share.begin(loop.time())
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise ApiError("body-too-large", limit=limit)
        _deadlines.release(task)
        await share.arrived(len(piece))
        # The server tells the end in a message of its own, which costs as much as the body of an event did.
        if size == declared or not message.get("more_body"):
            return b"".join((*pieces, piece)) if pieces else piece
        pieces.append(piece)
        if loop.time() > until:
            raise ApiError("body-timeout.slow", {"Connection": "close"}, seconds=int(READ_SECONDS))
        _deadlines.watch(task)
