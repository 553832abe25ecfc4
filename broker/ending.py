"""When a process of followers ends: by a signal, or with the generation that it is of."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from broker.watched import Watched
from schemas.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from broker.loop_watch import LoopWatch

    # Returns when something is over.
    End: TypeAlias = Callable[[], Awaitable[object]]

__all__ = ["until_ended"]


async def until_ended(work: Callable[[asyncio.Event], Awaitable[None]], superseded: End, loop: LoopWatch) -> ExitCode:
    """Do `work`, which is given what is set on SIGTERM, SIGINT and once `superseded` returns; how the process ends.

    Raises what `work` raises.
    """
    stop, code = asyncio.Event(), ExitCode.OK

    async def watch() -> None:
        nonlocal code
        await superseded()
        if not stop.is_set():
            code = ExitCode.SUPERSEDED
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    loop.start()
    watching = Watched("generation", watch).start()
    try:
        await work(stop)
    finally:
        await watching.stop()
        await loop.stop()
    return code
