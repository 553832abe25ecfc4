"""Waiting for the file that a part writes when it is ready."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

__all__ = ["awaiting"]

_POLL_SECONDS: Final = 0.05
# File systems stamp with a clock that ticks a few times in this.
_CLOCK_SECONDS: Final = 0.05


def awaiting(ready: Path) -> Callable[[float], Awaitable[None]]:
    """What waits, so many seconds at most, until a file is written that is not there yet; raises TimeoutError."""

    async def wait_ready(timeout: float) -> None:  # noqa: ASYNC109 - the supervisor's interface
        # What a killed process left behind is older than this one.
        started = time.time() - _CLOCK_SECONDS
        async with asyncio.timeout(timeout):
            while _written(ready) < started:  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(_POLL_SECONDS)

    ready.unlink(missing_ok=True)
    return wait_ready


def _written(path: Path) -> float:
    """When a file was written, in seconds since 1970; 0 if there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
