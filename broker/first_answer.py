"""Whether Kafka has answered yet whom a person waits for.

A broker that is frozen takes connections and says nothing on them. An administrator's client waits 40 s for its first
answer, as for any: work that is under way goes on so where a broker comes back. Whoever has just given a command, and
has had no answer at all, wants to be told sooner.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["begin_in_time", "wanted_soon"]

_FIRST: Final[ContextVar[asyncio.Event | None]] = ContextVar("first_answer", default=None)


@contextlib.contextmanager
def wanted_soon() -> Iterator[None]:
    """Let clients that are started inside, by whatever is run there, wait no longer than others for a first answer."""
    token = _FIRST.set(asyncio.Event())
    try:
        yield
    finally:
        _FIRST.reset(token)


def begin_in_time(client: Any, seconds: float) -> None:
    """Let a client that is not started wait so long at most for each server, until one has answered whoever waits."""
    bootstrap = client.bootstrap

    async def begun() -> None:
        answered, patience = _FIRST.get(), client._request_timeout_ms  # noqa: SLF001 - aiokafka asks for it each time
        if answered is not None and not answered.is_set():
            client._request_timeout_ms = int(seconds * 1000)  # noqa: SLF001 - as above
        try:
            await bootstrap()
        finally:
            client._request_timeout_ms = patience  # noqa: SLF001 - as above
        if answered is not None:
            answered.set()

    client.bootstrap = begun
