"""Runs a worker process from start to SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

import structlog
import uvloop

from schemas.topics import Topics
from streams.app import create_app
from streams.exits import ExitCode, end_process
from streams.tuning import Tuning

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.settings import Settings
    from streams.processing import Core

__all__ = ["run"]

_log: Final = structlog.stdlib.get_logger("streams")

# Faust's services stop one after another; what has not stopped by then is cut off, which costs nothing that was committed.
_STOP_S: Final = 6.0


class _ReadyFile:
    """A file that exists while the worker is ready, for supervisors and probes."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.mark(ready=False)

    def mark(self, *, ready: bool) -> None:
        if self._path is None:
            return
        if ready:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(f"{os.getpid()}\n")
        else:
            self._path.unlink(missing_ok=True)


async def _serve(settings: Settings, core: Core, tuning: Tuning, data_dir: Path, ready_file: Path | None) -> int:
    topics, ready = Topics.of(settings), _ReadyFile(ready_file)
    views_complete, stop = asyncio.Event(), asyncio.Event()

    def on_ready(is_ready: bool) -> None:  # noqa: FBT001 - a callback's only argument
        ready.mark(ready=is_ready)
        _log.info("ready" if is_ready else "not ready", application=topics.application)

    app = create_app(
        settings,
        topics,
        core,
        tuning,
        data_dir=data_dir,
        views_complete=views_complete,
        progressed=lambda: None,
        on_ready=on_ready,
        end=end_process,
    )
    views_complete.set()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await app.start()
        crashed = loop.create_task(app.wait_until_stopped())
        await asyncio.wait({crashed, loop.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if app.crashed:
            end_process(ExitCode.FAILED, f"Faust crashed: {app.crash_reason!r}", app.crash_reason)
        await app.owner.release()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(app.stop(), _STOP_S)
    finally:
        ready.mark(ready=False)
    _log.info("stopped", application=topics.application)
    return int(ExitCode.OK)


def run(
    settings: Settings, core: Core, *, data_dir: Path, ready_file: Path | None = None, tuning: Tuning | None = None
) -> int:
    """Work until SIGTERM or SIGINT; answers the exit code. Does not return if the worker must not go on (streams.exits)."""
    data_dir.mkdir(parents=True, exist_ok=True)
    return uvloop.run(_serve(settings, core, tuning or Tuning(), data_dir, ready_file))
