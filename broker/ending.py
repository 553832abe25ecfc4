"""How a part's process ends: by a signal, or with the generation that it is of, and in bounded time."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING, Final

import structlog

from broker.watched import Watched
from schemas.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from broker.loop_watch import LoopWatch

    # Returns when something is over.
    End: TypeAlias = Callable[[], Awaitable[object]]

__all__ = ["END_SECONDS", "end_within", "stopped_by_signals", "until_ended"]

# What a part has left once it was told to end: below the half minute that whoever runs it is asked to wait.
END_SECONDS: Final = 20.0

_log: Final = structlog.stdlib.get_logger("ending")


def end_within(seconds: float, code: ExitCode = ExitCode.OK) -> None:
    """Leave this process so many seconds to end; then it is ended as it is, with `code` and a line in the log.

    Nothing takes that back: when all of a part's own code has returned, Python still waits for tasks and threads of
    libraries, which may wait for ever. What was not committed or acknowledged by then is done again by the next owner.
    """

    def end() -> None:
        try:
            waited_for = sorted(one.name for one in threading.enumerate() if not one.daemon)
            _log.warning("stopping took too long: the process ends as it is", seconds=seconds, threads=waited_for)
        finally:
            os._exit(int(code))

    timer = threading.Timer(seconds, end)
    # Or Python would wait for this one, too.
    timer.daemon = True
    timer.start()


def stopped_by_signals(seconds: float | None = END_SECONDS) -> asyncio.Event:
    """What is set on SIGTERM and SIGINT, from when on the process has so many seconds left, or (None) all the time."""
    stop = asyncio.Event()

    def told() -> None:
        if seconds is not None and not stop.is_set():
            end_within(seconds)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told)
    return stop


async def until_ended(work: Callable[[asyncio.Event], Awaitable[None]], superseded: End, loop: LoopWatch) -> ExitCode:
    """Do `work`, which is given what is set on SIGTERM, SIGINT and once `superseded` returns; how the process ends.

    Raises what `work` raises.
    """
    stop, code = stopped_by_signals(), ExitCode.OK

    async def watch() -> None:
        nonlocal code
        await superseded()
        if not stop.is_set():
            code = ExitCode.SUPERSEDED
            end_within(END_SECONDS, code)
            stop.set()

    loop.start()
    watching = Watched("generation", watch).start()
    try:
        await work(stop)
    finally:
        await watching.stop()
        await loop.stop()
    return code
