"""Keeping the daily aggregates fresh while the sink runs."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import structlog

from broker.clickhouse_errors import CLICKHOUSE_ERRORS, one_line
from sinks.daily.refresh import refresh_since
from sinks.metrics import DAILY, DAILY_AT, DAILY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sinks.writer.inserter import Inserter

__all__ = ["keep_fresh"]

# Everything is compared that often, for what the clocks hide.
_EVERYTHING_SECONDS: Final = 600.0

_log = structlog.get_logger(__name__)


async def keep_fresh(inserter: Inserter, leads: Callable[[], bool], *, pause: float) -> None:
    """Compute what changed until cancelled, while `leads` says that this process should; `pause` in seconds.

    Everything is compared when the lead is taken, so nothing is missed between two leaders. Two at once do no harm.
    """
    since: datetime | None = None
    everything_at = 0.0
    while True:
        started = time.monotonic()
        if not leads():
            since = None
            DAILY_AT.set(0)
        else:
            everything = since is None or started >= everything_at
            since = None if everything else since
            try:
                since = await inserter.call(refresh_since, inserter.client, inserter.installation, since)
            except CLICKHOUSE_ERRORS as error:
                since = None
                _log.warning("daily figures wait", reason=one_line(error))
            else:
                spent = time.monotonic() - started
                DAILY.inc()
                DAILY_SECONDS.observe(spent)
                DAILY_AT.set_to_current_time()
                if everything:
                    everything_at = started + max(_EVERYTHING_SECONDS, 20 * spent)
        # At most half of the time is spent computing.
        await asyncio.sleep(max(pause, time.monotonic() - started))
