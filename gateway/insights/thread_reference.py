"""The directory as another thread asks it: each look-up is made on the loop, by the thread that the directory has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.reference.lookup import Reference

__all__ = ["for_thread"]

# A loop that takes longer has stopped: nobody waits for it in a thread for ever.
_ANSWER_SECONDS: Final = 10.0


def for_thread(reference: Reference) -> Reference:
    """A view of the directory to be asked in a thread, while the loop that runs now goes on.

    Whoever asks it waits for a turn of the loop, each time; so it is for work that asks a few things of much else. It
    must not be asked on the loop itself. Its look-ups raise TimeoutError where the loop takes longer than ten seconds.
    """
    return cast("Reference", _ForThread(reference, asyncio.get_running_loop()))


class _ForThread:
    """Has every method of the directory."""

    def __init__(self, reference: Reference, loop: asyncio.AbstractEventLoop) -> None:
        self._reference = reference
        self._loop = loop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        look_up = getattr(self._reference, name)

        async def made(*arguments: Any) -> Any:
            return look_up(*arguments)

        def asked(*arguments: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(made(*arguments), self._loop).result(_ANSWER_SECONDS)

        return asked
