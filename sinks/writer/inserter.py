"""Sending blocks to ClickHouse, in threads, under tokens, until it has them, however long it is away."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from broker.clickhouse_errors import Failure, failure_of, one_line
from broker.watched import BACKOFF
from schemas.wire.rows import RAW
from sinks.clickhouse import connect, insert_settings, reason_of
from sinks.errors import ConfigurationError
from sinks.metrics import INSERT_SECONDS, RETRIES
from sinks.table_fit import check_tables
from sinks.templates import Installation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from sinks.writer.routes import Route, Target

__all__ = ["Inserter"]

_THREADS: Final = 16
_THREAD_NAME: Final = "clickhouse"

_log = structlog.get_logger(__name__)


class Inserter:
    """A shared client and the threads that use it, enough for every topic's blocks and who asks beside them."""

    client: Client
    installation: Installation

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=_THREAD_NAME)

    async def connect(self, settings: Settings, stop: asyncio.Event) -> bool:
        """Reach ClickHouse, however long it is away, before all else; returns whether it has, or was told to stop.

        Raises SinkError where waiting cannot help, or the tables do not fit.
        """
        self.installation = Installation.of(settings)

        def report(attempt: RetryCallState) -> None:
            _log.warning("ClickHouse does not answer", attempt=attempt.attempt_number, reason=reason_of(attempt))

        async def pause(seconds: float) -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), seconds)

        away = retry_if_exception(lambda error: failure_of(error) is not Failure.FOREIGN)
        async for attempt in AsyncRetrying(retry=away, wait=BACKOFF, before_sleep=report, sleep=pause):
            if stop.is_set():
                return False
            with attempt:
                self.client = await self.call(connect, settings)
        await self.call(check_tables, self.client, self.installation)
        return True

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function that blocks in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def insert(
        self, route: Route, target: Target, name: str, body: bytes, vouched: Callable[[], Awaitable[float]]
    ) -> None:
        """Insert one block and return once ClickHouse has stored it (or knows its token already).

        `name` tells the block from all others of the topic and its namesakes; table and generation make it the token.
        `vouched` is asked before each try: it returns until when (time.monotonic) the partitions are surely ours, and
        raises if they are not. Raises ClickHouse's error if a row is refused, SinkError where waiting cannot help.
        """
        generation = 0 if target.table is RAW else self.installation.generation
        token = f"{route.topic}/{name}/{target.table.name}/g{generation}"

        def report(attempt: RetryCallState) -> None:
            RETRIES.labels(target.table.name).inc()
            number, seconds = attempt.attempt_number, round(attempt.seconds_since_start or 0.0, 1)
            reason = reason_of(attempt)
            _log.warning("an insert waits", topic=route.topic, attempt=number, seconds=seconds, reason=reason)

        may_pass = retry_if_exception(lambda error: failure_of(error) in {Failure.WAIT, Failure.SCHEMA})
        async for attempt in AsyncRetrying(retry=may_pass, wait=BACKOFF, before_sleep=report, reraise=True):
            with attempt:
                until = await vouched()
                began = time.perf_counter()
                try:
                    await self.call(self._insert, target, route.format, body, token, until)
                except Exception as error:
                    await self._explain(error, route)
                    raise
                INSERT_SECONDS.labels(target.table.name).observe(time.perf_counter() - began)

    def _insert(self, target: Target, form: str, body: bytes, token: str, until: float) -> None:
        settings: dict[str, str | int] = {
            **insert_settings(token),
            "input_format_skip_unknown_fields": int(target.lenient),
        }
        table = self.installation.full_name(target.table.name)
        if time.monotonic() >= until:
            message = "no thread was free in time"
            raise TimeoutError(message)
        self.client.raw_insert(table, target.columns or None, body, settings=settings, fmt=form)

    async def _explain(self, error: Exception, route: Route) -> None:
        """Raise a SinkError in place of an error that waiting cannot mend."""
        failure = failure_of(error)
        if failure is Failure.SCHEMA:
            tables = tuple(target.table for target in route.targets)
            await self.call(check_tables, self.client, self.installation, tables)
        if failure is Failure.CONFIGURATION:
            remedy = "Correct the user in TELEMETRY_CLICKHOUSE or its grants."
            message = f"ClickHouse refuses the sink: {one_line(error)}. {remedy}"
            raise ConfigurationError(message) from error

    def close(self, patience: float) -> bool:
        """End the threads; False if one still waits for an answer after so many seconds.

        Such a thread cannot be ended: leave the process without joining it. What it sends is safe to repeat.
        """
        self._threads.shutdown(wait=False, cancel_futures=True)
        until = time.monotonic() + patience
        threads = [thread for thread in threading.enumerate() if thread.name.startswith(_THREAD_NAME)]
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)
