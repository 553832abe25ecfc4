"""One connection to the LMS's database for one pass, which ends whatever the other side does.

PostgreSQL ends a statement that takes too long, where it still runs. A server that is stopped, or a machine that is
gone, answers nothing at all: then the connection is shut from here, and the thread that waits for it goes on with an
error.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from broker.watched import Watched
from operations.directory_sync.source import Clock, Source
from operations.postgres import PostgresError, reading, shut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from schemas.reference.lookup import Kind

__all__ = ["session"]

# A page is some milliseconds of a database that is well; one without an index takes seconds.
_STATEMENT_SECONDS: Final = 60
# When PostgreSQL itself should have ended the statement long since.
_ANSWER_SECONDS: Final = 75.0
_CONNECT_SECONDS: Final = 5
_CANCEL_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.5


@contextlib.asynccontextmanager
async def session(
    dsn: str, queries: Mapping[Kind, str], stop: asyncio.Event, *, answer_seconds: float = _ANSWER_SECONDS
) -> AsyncIterator[Source]:
    """A connection with the queries looked at; raises PostgresError.

    When `stop` is set the statement that runs is cancelled, and the connection shut soon after; it is shut as well when
    a statement has not been answered for so many seconds.
    """
    stack, clock, silent = contextlib.ExitStack(), Clock(), False
    opened = reading(dsn, statement_seconds=_STATEMENT_SECONDS, connect_seconds=_CONNECT_SECONDS)
    connection = await asyncio.to_thread(stack.enter_context, opened)

    async def watch() -> None:
        nonlocal silent
        while not stop.is_set():
            if clock.seconds() > answer_seconds:
                silent = True
                shut(connection)
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await stop.wait()
        with contextlib.suppress(Exception):
            await asyncio.to_thread(connection.cancel_safe, timeout=_CANCEL_SECONDS)
        await asyncio.sleep(_CANCEL_SECONDS)
        shut(connection)

    watching = Watched("end of a statement", watch).start()
    try:
        try:
            yield await asyncio.to_thread(Source, connection, queries, clock)
        except BaseException as error:
            # So that what PostgreSQL says is told as `reading` tells it.
            try:
                await asyncio.to_thread(stack.__exit__, type(error), error, error.__traceback__)
            except PostgresError:
                if not silent:
                    raise
            if silent:
                message = (
                    f"PostgreSQL has not answered a statement for {answer_seconds:g} s: look whether it runs, and "
                    "whether its machine can be reached."
                )
                raise PostgresError(message) from None
            raise
    finally:
        await watching.stop()
        await asyncio.to_thread(stack.close)
