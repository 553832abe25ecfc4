"""Processes of a gateway show each other that they answer: each notes the time, and all see who does not."""

from __future__ import annotations

import asyncio
import mmap
import os
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Beats"]

_BEAT_SECONDS: Final = 1.0
# A process that is busy with large bodies on a machine that has too much to do is late by less.
_SILENT_SECONDS: Final = 10.0


class Beats:
    """When each of `processes` has last shown that it answers, in memory shared by those that are forked after this.

    `clock` has the same time in all processes, in seconds.
    """

    def __init__(self, processes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # One number is one store: nobody reads half of it.
        self._last = memoryview(mmap.mmap(-1, 8 * processes)).cast("d")
        self._ids = memoryview(mmap.mmap(-1, 8 * processes)).cast("q")
        for number in range(1, processes + 1):
            self.note(number)

    def note(self, number: int) -> None:
        """The process of this number, from 1, which is the one that calls, answers now."""
        self._ids[number - 1] = os.getpid()
        self._last[number - 1] = self._clock()

    async def keep(self, number: int) -> None:
        """Note it for as long as this process's event loop goes on; never returns."""
        while True:
            self.note(number)
            await asyncio.sleep(_BEAT_SECONDS)

    def silent(self) -> dict[str, str]:
        """Which processes have not answered for ten seconds, by name, their ids, and for how long.

        They hang, or do not run.
        """
        now = self._clock()
        return {
            f"gateway process {number} of {len(self._last)}": (
                f"process id {own}, does not answer, for {now - last:.0f} s now"
            )
            for number, (last, own) in enumerate(zip(self._last, self._ids, strict=True), 1)
            if now - last > _SILENT_SECONDS
        }
