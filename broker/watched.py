"""Background tasks with an owner that sees their end: they begin again with back-off, or their failure is handed on."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Self

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from broker.tracing import TRACE_FIELD

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tenacity.wait import wait_base

__all__ = ["BACKOFF", "FAILURES", "Interrupted", "Watched"]

_log: Final = structlog.stdlib.get_logger("watched")

# Bounded however often it fails: tenacity stops at `max` where the power would overflow.
BACKOFF: Final = wait_exponential_jitter(multiplier=0.2, max=5.0, jitter=0.2)

# How often the tasks of this process have failed, by name: for its metrics.
FAILURES: Final[Counter[str]] = Counter()


class Interrupted(Exception):  # noqa: N818 - what happened to the work
    """A task's work was cancelled although nobody cancelled the task: a library gave up what the work waited for."""


class Watched:
    """One background task. An unexpected error never ends it unseen, nor does a cancellation that nobody asked for.

    Without `failed` it begins again, for ever, with the pauses of `wait`, and each failure is one line in the log.
    With `failed`, that is called with the error instead, once, on the loop: whoever owns the task then ends the process
    or what depends on the task. In both cases the task is over when `work` returns.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Coroutine[Any, Any, None]],
        *,
        failed: Callable[[Exception], None] | None = None,
        wait: wait_base = BACKOFF,
    ) -> None:
        """Prepare a task that runs `work`; nothing runs before `start`."""
        self.name = name
        self._work = work
        self._failed = failed
        self._wait = wait
        self._task: asyncio.Task[None] | None = None

    def start(self) -> Self:
        """Run in the running loop; returns the task itself. Does nothing while it runs already."""
        if not self.running:
            run = self._begin_again_and_again if self._failed is None else self._hand_on
            # Whoever starts it may be at work on one webhook, whose trace is none of the task's.
            context = contextvars.copy_context()
            context.run(structlog.contextvars.unbind_contextvars, TRACE_FIELD)
            self._task = asyncio.get_running_loop().create_task(run(), name=self.name, context=context)
        return self

    @property
    def running(self) -> bool:
        """Whether it was started and is not over."""
        return self._task is not None and not self._task.done()

    def cancel(self) -> None:
        """Ask it to end, without waiting."""
        if self._task is not None:
            self._task.cancel()

    async def ended(self) -> None:
        """Return when it is over, however it ended; at once if it was never started."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def stop(self) -> None:
        """End it and return when it is over."""
        self.cancel()
        await self.ended()

    async def _begin_again_and_again(self) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(Exception), wait=self._wait, before_sleep=self._tell
        ):
            with attempt:
                await self._work_through()

    async def _work_through(self) -> None:
        try:
            await self._work()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            message = f"the work of {self.name} was cancelled by what it waited for"
            raise Interrupted(message) from error

    async def _hand_on(self) -> None:
        try:
            await self._work_through()
        except Exception as error:  # noqa: BLE001 - whatever it is, the owner must hear of it
            FAILURES[self.name] += 1
            if self._failed is not None:
                self._failed(error)

    def _tell(self, state: RetryCallState) -> None:
        FAILURES[self.name] += 1
        error = state.outcome.exception() if state.outcome is not None else None
        # An output that is full or gone must not end the task either.
        with contextlib.suppress(Exception):
            _log.error(
                "a background task failed and begins again",
                task=self.name,
                failures=state.attempt_number,
                pause_seconds=round(state.upcoming_sleep, 1),
                reason=f"{type(error).__name__}: {error}".partition("\n")[0],
                exc_info=error,
            )
