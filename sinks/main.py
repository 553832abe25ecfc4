"""The sink's process: two consumer groups (raw is every generation's), until it is told to stop or superseded."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import signal
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from broker import clients
from broker.watched import Watched
from schemas.exits import ExitCode
from schemas.wire.topics import Topics
from sinks.clickhouse import CLICKHOUSE_ERRORS, connect, one_line
from sinks.daily.loop import keep_fresh
from sinks.errors import SinkError
from sinks.setup import check_tables
from sinks.templates import Installation
from sinks.writer.buffer import Limits
from sinks.writer.dead_letters import DeadLetters
from sinks.writer.group import Group
from sinks.writer.inserter import Inserter
from sinks.writer.routes import derived_routes, raw_route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from sinks.writer.routes import Route

__all__ = ["main"]

_LONGEST_PAUSE: Final = 5.0
_CLOSE_SECONDS: Final = 2.0
# Nobody reads a replay's rows yet: fewer and larger blocks leave more of the machine to its workers.
_REPLAY_LIMITS: Final = Limits(least_beat=2.0)
_DAILY_SECONDS: Final = 2.0
_REPLAY_DAILY_SECONDS: Final = 20.0

_log = structlog.get_logger(__name__)


def main(
    settings: Settings,
    *,
    ready_file: Path | None = None,
    superseded: Callable[[], Awaitable[None]] | None = None,
    raw: bool = True,
) -> int:
    """Run the sink until SIGTERM or SIGINT; returns the exit code.

    `superseded` returns when the generation is not to be written any more. Without `raw` only the generation's own
    topics are stored: those of a replay, while the live generation's sinks store the raw one.

    `ready_file` is created once partitions are assigned and the tables fit, and removed at the end. While a thread
    still waits for an answer of ClickHouse, this ends the process instead of returning: nothing can end such a thread.
    """
    code = 0
    inserters: list[Inserter] = []
    try:
        code = asyncio.run(_run(settings, ready_file, inserters, superseded, raw=raw))
    except (SinkError, KafkaError, *CLICKHOUSE_ERRORS) as error:
        _log.error("sink_failed", error=one_line(error))
        code = 1
    except Exception as error:  # noqa: BLE001 - it ends with a line and a code, whatever it is
        _log.error("sink_failed", error=f"{type(error).__name__}: {one_line(error)}", exc_info=error)
        code = 1
    closed = [inserter.close(_CLOSE_SECONDS) for inserter in inserters]
    if not all(closed):
        logging.shutdown()
        os._exit(code)
    return code


async def _run(
    settings: Settings,
    ready_file: Path | None,
    inserters: list[Inserter],
    superseded: Callable[[], Awaitable[None]] | None,
    *,
    raw: bool,
) -> int:
    stop = asyncio.Event()
    code = 0

    async def watch(until: Callable[[], Awaitable[None]]) -> None:
        nonlocal code
        await until()
        if not stop.is_set():
            code = int(ExitCode.SUPERSEDED)
            stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watching = None if superseded is None else Watched("generation", functools.partial(watch, superseded)).start()
    try:
        client = await _connect(settings, stop)
        if client is None:
            return code
        inserter = Inserter(client, Installation.of(settings))
        inserters.append(inserter)
        await inserter.call(check_tables, client, inserter.installation)
        await _write(settings, inserter, stop, ready_file, raw=raw)
    finally:
        if watching is not None:
            await watching.stop()
    _log.info("sink_stopped")
    return code


async def _connect(settings: Settings, stop: asyncio.Event) -> Client | None:
    """Connect to ClickHouse, however long it is away; None if told to stop meanwhile."""

    def report(attempt: RetryCallState) -> None:
        error = attempt.outcome.exception() if attempt.outcome is not None else None
        _log.warning("clickhouse_away", attempt=attempt.attempt_number, error=one_line(error or OSError()))

    async def pause(seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()

    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(CLICKHOUSE_ERRORS),
        wait=wait_exponential_jitter(multiplier=0.2, max=_LONGEST_PAUSE),
        before_sleep=report,
        sleep=pause,
    ):
        if stop.is_set():
            return None
        with attempt:
            return await asyncio.to_thread(connect, settings)
    return None


async def _write(
    settings: Settings, inserter: Inserter, stop: asyncio.Event, ready_file: Path | None, *, raw: bool
) -> None:
    topics = Topics.of(settings)
    options: dict[str, Any] = settings.kafka_options()
    producer = clients.producer(options, max_request_size=2 * settings.max_message_bytes)
    await producer.start()
    letters = DeadLetters(producer, topics.dead_letters, settings.max_message_bytes, settings.redacted_keys)

    limits = Limits() if raw else _REPLAY_LIMITS

    def group(name: str, routes: tuple[Route, ...]) -> Group:
        return Group(options, name, routes, inserter=inserter, dead_letters=letters, limits=limits)

    derived = group(topics.sinks, derived_routes(topics))
    groups = [group(topics.raw_sinks, (raw_route(topics),)), derived] if raw else [derived]
    ready = [asyncio.Event() for _ in groups]
    leading = TopicPartition(topics.scores, 0)
    pause = _DAILY_SECONDS if raw else _REPLAY_DAILY_SECONDS
    # The first error of a group ends the sink; the others begin again.
    failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def failed(error: Exception) -> None:
        if not failure.done():
            failure.set_exception(error)

    writing = [
        Watched(f"group {member.name}", functools.partial(member.run, stop, event), failed=failed).start()
        for member, event in zip(groups, ready, strict=True)
    ]

    def leads() -> bool:
        return leading in derived.partitions

    beside = [
        Watched("daily", lambda: keep_fresh(inserter, leads, stop, pause=pause)).start(),
        Watched("announcement", lambda: _announce(ready, ready_file)).start(),
    ]
    stopping = asyncio.ensure_future(stop.wait())
    either: set[asyncio.Future[Any]] = {failure, stopping}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        await stopping
        for task in beside:
            await task.stop()
        for task in writing:
            await task.ended()
        if ready_file is not None:
            await asyncio.to_thread(ready_file.unlink, missing_ok=True)
        await producer.stop()
    if failure.done():
        failure.result()


async def _announce(ready: list[asyncio.Event], ready_file: Path | None) -> None:
    for event in ready:
        await event.wait()
    _log.info("sink_ready")
    if ready_file is not None:
        await asyncio.to_thread(ready_file.touch)
