"""Sending blocks to ClickHouse, in threads, under tokens, until it has them, however long it is away."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential_jitter

from schemas.wire.rows import RAW
from sinks.clickhouse import Failure, failure_of, insert_settings, one_line
from sinks.errors import ConfigurationError
from sinks.setup import check_tables

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from clickhouse_connect.driver.client import Client

    from sinks.templates import Installation
    from sinks.writer.routes import Route, Target

__all__ = ["Inserter"]

_LONGEST_PAUSE: Final = 10.0
_THREADS: Final = 16
_THREAD_NAME: Final = "clickhouse"
_LOOK_SECONDS: Final = 0.02

_log = structlog.get_logger(__name__)


class Inserter:
    """A shared client and the threads that use it, enough for every topic's blocks and who asks beside them."""

    def __init__(self, client: Client, installation: Installation) -> None:
        """Use `client`, which stays the caller's to close."""
        self.client = client
        self.installation = installation
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=_THREAD_NAME)

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
            error = (attempt.outcome.exception() if attempt.outcome is not None else None) or OSError()
            seconds = round(time.time() - attempt.start_time, 1) if attempt.start_time else 0.0
            number = attempt.attempt_number
            _log.warning("insert_waits", topic=route.topic, attempt=number, seconds=seconds, error=one_line(error))

        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: failure_of(error) in {Failure.WAIT, Failure.SCHEMA}),
            wait=wait_exponential_jitter(multiplier=0.1, max=_LONGEST_PAUSE),
            before_sleep=report,
            reraise=True,
        ):
            with attempt:
                until = await vouched()
                try:
                    await self.call(self._insert, target, route.format, body, token, until)
                except Exception as error:
                    await self._explain(error, route)
                    raise

    def _insert(self, target: Target, form: str, body: bytes, token: str, until: float) -> None:
        settings: dict[str, str | int] = {
            **insert_settings(token),
            "input_format_skip_unknown_fields": int(target.lenient),
        }
        table = f"{self.installation.database_of(target.table.name)}.{target.table.name}"
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
        while any(thread.name.startswith(_THREAD_NAME) for thread in threading.enumerate()):
            if time.monotonic() >= until:
                return False
            time.sleep(_LOOK_SECONDS)
        return True
