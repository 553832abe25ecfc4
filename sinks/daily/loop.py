"""Keeping the daily aggregates fresh while the sink runs."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import structlog

from sinks.clickhouse import CLICKHOUSE_ERRORS, one_line
from sinks.daily.refresh import refresh_since

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sinks.writer.inserter import Inserter

__all__ = ["keep_fresh"]

# Everything is compared that often, for what the clocks hide.
_EVERYTHING_SECONDS: Final = 600.0
# Of the time, at most this part is spent computing.
_DUTY: Final = 0.5

_log = structlog.get_logger(__name__)


async def keep_fresh(inserter: Inserter, leads: Callable[[], bool], stop: asyncio.Event, *, pause: float) -> None:
    """Compute what changed until `stop` is set, while `leads` says that this process should; `pause` in seconds.

    Everything is compared when the lead is taken, so nothing is missed between two leaders. Two at once do no harm.
    """
    since: datetime | None = None
    everything_at = 0.0
    while not stop.is_set():
        started = time.monotonic()
        if not leads():
            since = None
        else:
            try:
                everything = since is None or started >= everything_at
                since = await inserter.call(_refresh, inserter, None if everything else since)
            except CLICKHOUSE_ERRORS as error:
                since = None
                _log.warning("daily_waits", error=one_line(error))
            else:
                spent = time.monotonic() - started
                if everything:
                    everything_at = started + max(_EVERYTHING_SECONDS, 20 * spent)
        spent = time.monotonic() - started
        try:
            async with asyncio.timeout(max(pause, spent * (1 / _DUTY - 1))):
                await stop.wait()
        except TimeoutError:
            continue


def _refresh(inserter: Inserter, since: datetime | None) -> datetime:
    return refresh_since(inserter.client, inserter.installation, since)
