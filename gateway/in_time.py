"""What takes as long as others let it: waited for within bounds, and then given up with a word of what to do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from gateway.access import RETRY_SECONDS
from gateway.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["ANSWER_SECONDS", "in_time", "silent"]

# Longer nobody looks at an empty page. Of all that an answer is made of: questions that wait in turn and are asked one
# after another add up.
ANSWER_SECONDS: Final = 8.0

_Done = TypeVar("_Done")


def silent(seconds: float) -> Exception:
    """What is told where Kafka or ClickHouse took longer than so many seconds: ApiError 503 `system-silent`."""
    return ApiError("system-silent", {"Retry-After": str(RETRY_SECONDS)}, seconds=round(seconds))


async def in_time(
    work: Awaitable[_Done], seconds: float = ANSWER_SECONDS, refusal: Callable[[float], Exception] = silent
) -> _Done:
    """What work with Kafka and ClickHouse gives; raises what `refusal` makes of the seconds where that takes longer.

    The work is cancelled then, and not waited for: who does not answer may not take leave either.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return task.result()
        raise refusal(seconds)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_heard)


def _heard(task: asyncio.Future[_Done]) -> None:
    """Look at how abandoned work ended, which asyncio would report as forgotten."""
    if not task.cancelled():
        task.exception()
