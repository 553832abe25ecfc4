"""The seal of sessions, asked for from the start: a gateway without Kafka starts and takes webhooks all the same."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from gateway.access import starting
from gateway.asked import AskedOnce
from gateway.console.session import Seal
from gateway.errors import ApiError, KafkaUnavailableError
from gateway.in_time import in_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tenacity.wait import wait_base

__all__ = ["Sealing"]

_log: Final = structlog.stdlib.get_logger("gateway")

# Less than a page may take in all, so that it can still say what is wrong.
_SECONDS: Final = 5.0
# It may be that no key is made before `setup`.
_PAUSES: Final = wait_exponential_jitter(multiplier=0.5, max=30.0, jitter=0.2)


class Sealing:
    """Asks for the key until it is known, and then no more."""

    def __init__(
        self, ask: Callable[[], Awaitable[bytes]], *, seconds: float = _SECONDS, pauses: wait_base = _PAUSES
    ) -> None:
        # Whoever has a cookie may ask, any cookie: while it fails all ask together.
        self._asked = AskedOnce(ask, math.inf)
        self._seconds = seconds
        self._pauses = pauses

    async def __call__(self) -> Seal:
        """The seal; raises ApiError 503 while its key cannot be read, after some seconds at most.

        It goes on being asked for then: a broker that is slow gives it to whoever comes later.
        """
        try:
            return Seal(await in_time(self._asked(), self._seconds, _silent))
        except KafkaUnavailableError as error:
            raise _refused(str(error)) from error

    async def learn(self) -> None:
        """Ask until the key is known, however long that takes: whoever comes then needs no Kafka for it."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(KafkaUnavailableError), wait=self._pauses, before_sleep=_tell
        ):
            with attempt:
                await self._asked()


def _silent(seconds: float) -> ApiError:
    return _refused(f"Kafka gave no answer within {seconds:g} s")


def _refused(reason: str) -> ApiError:
    _log.warning("the console's key cannot be read yet", reason=reason)
    return starting()


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    _log.warning("the console's key cannot be read yet", reason=str(error))
