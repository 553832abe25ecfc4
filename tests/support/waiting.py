"""Wait for what must become true, with a deadline."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["aeventually", "astays", "eventually", "seconds_until"]

# Short at first, for what is nearly there; longer later, since to look costs time that what is awaited needs.
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.15
_LONGER = 1.3

T = TypeVar("T")


def eventually(condition: Callable[[], T], timeout: float = 90, what: str = "") -> T:
    """Call `condition` until it returns something true and return that.

    Raises AssertionError after `timeout` seconds, with `what` was waited for and the last value or error.
    """
    deadline, pause = time.monotonic() + timeout, _FIRST_PAUSE_SECONDS
    while True:
        last: object
        try:
            if value := condition():
                return value
            last = value
        except Exception as error:  # noqa: BLE001 - shown when the deadline passes
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(_complaint(condition, timeout, what, last))
        time.sleep(pause)
        pause = min(pause * _LONGER, _LONGEST_PAUSE_SECONDS)


def seconds_until(condition: Callable[[], object], what: str = "") -> float:
    """Wait as `eventually` does; how long it took, to the end of the look that found it."""
    begin = time.monotonic()
    eventually(condition, what=what)
    return time.monotonic() - begin


async def aeventually(condition: Callable[[], Awaitable[T]], timeout: float = 90, what: str = "") -> T:  # noqa: ASYNC109
    """Await `condition()` until it returns something true and return that; else as `eventually`."""
    deadline, pause = time.monotonic() + timeout, _FIRST_PAUSE_SECONDS
    while True:
        last: object
        try:
            if value := await condition():
                return value
            last = value
        except Exception as error:  # noqa: BLE001 - shown when the deadline passes
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(_complaint(condition, timeout, what, last))
        await asyncio.sleep(pause)
        pause = min(pause * _LONGER, _LONGEST_PAUSE_SECONDS)


async def astays(condition: Callable[[], object], seconds: float, what: str = "") -> None:
    """Look at `condition` for so long; raises AssertionError as soon as it is no longer true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"{what or 'the condition'} did not stay true for {seconds:g} s"
        await asyncio.sleep(_LONGEST_PAUSE_SECONDS)


def _complaint(condition: object, timeout: float, what: str, last: object) -> str:
    awaited = what or getattr(condition, "__name__", "the condition")
    return f"{awaited} did not come true within {timeout:g} s; last: {last!r}"
