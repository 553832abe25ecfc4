"""Which processes of a gateway do not answer."""

from __future__ import annotations

import asyncio
import multiprocessing
import os

from gateway.beats import Beats


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now


def test_one_that_is_silent_for_ten_seconds_is_named() -> None:
    """From the start on, or from when it last noted that it answers; it is no longer once it does."""
    clock = Clock()
    beats = Beats(3, clock)
    assert beats.silent() == {}

    clock.now += 9
    beats.note(1)
    beats.note(3)
    clock.now += 3
    assert beats.silent() == {"gateway process 2 of 3": f"process id {os.getpid()}, does not answer, for 12 s now"}

    beats.note(2)
    assert beats.silent() == {}


def test_what_a_forked_process_notes_is_seen_by_the_others() -> None:
    """The memory is that of all, and a loop that goes on notes it by itself."""
    clock = Clock()
    beats = Beats(2, clock)
    clock.now += 60
    beats.note(1)

    def child() -> None:
        async def briefly() -> None:
            await asyncio.wait({asyncio.ensure_future(beats.keep(2))}, timeout=0.1)

        asyncio.run(briefly())

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)

    assert process.exitcode == 0
    assert beats.silent() == {}
