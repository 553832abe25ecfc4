"""The sink's process: two consumer groups (raw is every generation's), until it is told to stop or superseded."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from broker import clients
from broker.clickhouse_errors import CLICKHOUSE_ERRORS, one_line
from broker.ending import until_ended
from broker.refusals import advice
from broker.topic_ids import TopicError
from broker.tracing import tracer_of
from broker.watched import Watched
from schemas.exits import ExitCode
from schemas.wire.formats import NewerFormatError
from schemas.wire.topics import Topics
from sinks.daily.loop import keep_fresh
from sinks.errors import SinkError
from sinks.metrics import LOOP, SINK, SPANS
from sinks.writer.buffer import Limits
from sinks.writer.dead_letters import DeadLetters
from sinks.writer.group import Group
from sinks.writer.inserter import Inserter
from sinks.writer.lane import Lane
from sinks.writer.routes import derived_routes, raw_route

if TYPE_CHECKING:
    from pathlib import Path

    from broker.ending import End
    from schemas.settings import Settings
    from sinks.writer.routes import Route

__all__ = ["main"]

_CLOSE_SECONDS: Final = 2.0
# Nobody reads a replay's rows yet: fewer and larger blocks leave more of the machine to its workers.
_REPLAY_LIMITS: Final = Limits(least_beat=2.0)
_DAILY_SECONDS: Final = 2.0
_REPLAY_DAILY_SECONDS: Final = 20.0

_log = structlog.get_logger(__name__)


def main(settings: Settings, *, superseded: End, ready_file: Path | None = None, raw: bool = True) -> int:
    """Run the sink until SIGTERM or SIGINT; returns the exit code.

    `superseded` returns when the generation is not to be written any more. Without `raw` only the generation's own
    topics are stored: those of a replay, while the live generation's sinks store the raw one.

    `ready_file` is created once partitions are assigned and the tables fit, and removed at the end. While a thread
    still waits for an answer of ClickHouse, this ends the process instead of returning: nothing can end such a thread.
    """
    inserter = Inserter()
    try:
        code = asyncio.run(_run(settings, inserter, superseded, ready_file, raw=raw))
    except (SinkError, NewerFormatError, TopicError, KafkaError, *CLICKHOUSE_ERRORS) as error:
        _log.critical("sink stopped", reason=advice(error, "sink") or one_line(error))
        code = ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 - it ends with a line and a code, whatever it is
        _log.critical("sink stopped", reason=f"{type(error).__name__}: {one_line(error)}", exc_info=error)
        code = ExitCode.FAILED
    if not inserter.close(_CLOSE_SECONDS):
        logging.shutdown()
        os._exit(code)
    return int(code)


async def _run(
    settings: Settings, inserter: Inserter, superseded: End, ready_file: Path | None, *, raw: bool
) -> ExitCode:
    async def work(stop: asyncio.Event) -> None:
        if await inserter.connect(settings, stop):
            await _write(settings, inserter, stop, ready_file, raw=raw)
            _log.info("sink ended")

    return await until_ended(work, superseded, LOOP)


async def _write(
    settings: Settings, inserter: Inserter, stop: asyncio.Event, ready_file: Path | None, *, raw: bool
) -> None:
    topics, options = Topics.of(settings), settings.kafka_options()
    producer = clients.producer(options, max_request_size=2 * settings.max_message_bytes)
    await producer.start()
    # A replay stores again what others have told of.
    tracer = tracer_of(settings, SINK.part, SPANS) if raw else None
    lane = functools.partial(
        Lane,
        limits=Limits() if raw else _REPLAY_LIMITS,
        inserter=inserter,
        dead_letters=DeadLetters(producer, topics.dead_letters, settings.max_message_bytes, settings.redacted_keys),
        tracer=tracer,
    )

    def group(name: str, *routes: Route) -> Group:
        return Group(options, name, {route.topic: functools.partial(lane, route) for route in routes})

    derived = group(topics.sinks, *derived_routes(topics))
    groups = [group(topics.raw_sinks, raw_route(topics)), derived] if raw else [derived]
    # The first error of a group ends the sink; the others begin again.
    failures: list[Exception] = []

    def failed(error: Exception) -> None:
        failures.append(error)
        stop.set()

    writing = [
        Watched(f"group {member.name}", functools.partial(member.run, stop), failed=failed).start() for member in groups
    ]
    leads = functools.partial(derived.has, TopicPartition(topics.scores, 0))
    pause = _DAILY_SECONDS if raw else _REPLAY_DAILY_SECONDS
    beside = [
        Watched("daily", lambda: keep_fresh(inserter, leads, pause=pause)).start(),
        Watched("announcement", lambda: _announce(groups, ready_file)).start(),
    ]
    await stop.wait()
    for task in beside:
        await task.stop()
    for task in writing:
        await task.ended()
    SINK.ready = False
    if ready_file is not None:
        await asyncio.to_thread(ready_file.unlink, missing_ok=True)
    await producer.stop()
    if tracer is not None:
        await asyncio.to_thread(tracer.close)
    if failures:
        raise failures[0]


async def _announce(groups: list[Group], ready_file: Path | None) -> None:
    for group in groups:
        await group.ready.wait()
    _log.info("sink is ready")
    SINK.ready = True
    if ready_file is not None:
        await asyncio.to_thread(ready_file.touch)
