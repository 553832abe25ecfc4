"""The seal of sessions, asked for once it is needed: without Kafka a gateway starts and takes webhooks all the same."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import structlog

from gateway.access import starting
from gateway.asked import AskedOnce
from gateway.console.session import Seal
from gateway.errors import KafkaUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Sealing"]

_log = structlog.stdlib.get_logger("gateway")


class Sealing:
    """Asks for the key until it is known, and then no more."""

    def __init__(self, ask: Callable[[], Awaitable[bytes]]) -> None:
        # Whoever has a cookie may ask, any cookie: while it fails all ask together.
        self._asked = AskedOnce(ask, math.inf)

    async def __call__(self) -> Seal:
        """The seal; raises ApiError 503 while its key cannot be read."""
        try:
            return Seal(await self._asked())
        except KafkaUnavailableError as error:
            _log.warning("the console's key cannot be read yet", reason=str(error))
            raise starting() from error
