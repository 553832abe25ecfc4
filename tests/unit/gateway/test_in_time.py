"""What is waited for within bounds."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import ApiError
from gateway.in_time import in_time


def test_what_is_done_in_time_is_given() -> None:
    """A result, and an error as it is."""

    async def good() -> int:
        await asyncio.sleep(0)
        return 7

    async def bad() -> int:
        message = "away"
        raise OSError(message)

    assert asyncio.run(in_time(good())) == 7
    with pytest.raises(OSError, match="away"):
        asyncio.run(in_time(bad()))


def test_what_does_not_end_is_given_up_though_it_will_not_be_cancelled() -> None:
    """The caller is told at once what to do; work that holds on to a server that is gone ends when it likes."""

    async def given_up() -> tuple[ApiError, bool]:
        cancelled, freed, ended = (asyncio.Event() for _ in range(3))

        async def stubborn() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                await freed.wait()
                ended.set()
                raise OSError from None

        with pytest.raises(ApiError) as refused:
            await in_time(stubborn(), 0.01)
        async with asyncio.timeout(10):
            await cancelled.wait()
            before = ended.is_set()
            freed.set()
            await ended.wait()
        return refused.value, before

    error, was_over = asyncio.run(given_up())

    assert (error.status, error.slug, was_over) == (503, "system-silent", False)
    assert "doctor" in error.text("en")
    assert "Retry-After" in error.headers
