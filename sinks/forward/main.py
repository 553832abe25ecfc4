"""The forwarder's process: one member of its group, until it is told to stop or generations change."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from broker import clients
from broker.clickhouse_errors import one_line
from broker.ending import until_ended
from broker.refusals import advice
from broker.topic_ids import TopicError
from broker.watched import Watched
from schemas.exits import ExitCode
from schemas.wire.formats import NewerFormatError
from schemas.wire.forwarding import Kind, stage_of
from schemas.wire.topics import Topics
from sinks.errors import SinkError
from sinks.forward.control import Control
from sinks.forward.delivery import Delivery
from sinks.forward.gate import Gate
from sinks.forward.group import Group
from sinks.forward.metrics import FORWARD, LOOP, POSTS
from sinks.forward.policy import Policy, Verdict
from sinks.forward.post import Poster
from sinks.forward.reading import readers
from sinks.forward.watch import Watch
from sinks.writer.dead_letters import DeadLetters

if TYPE_CHECKING:
    from pathlib import Path

    from broker.ending import End
    from schemas.settings import Settings

__all__ = ["main"]

_HOUR: Final = 3600.0

_log: Final = structlog.get_logger(__name__)


def main(settings: Settings, *, superseded: End, ready_file: Path | None = None) -> int:
    """Run the forwarder until SIGTERM or SIGINT; returns the exit code.

    `superseded` returns when another generation is live, to whose dead letters ours belong from then on. `ready_file`
    is created once partitions are assigned and it is known whether the forwarder is paused, and removed at the end.
    """
    try:
        return int(asyncio.run(_run(settings, superseded, ready_file)))
    except (SinkError, NewerFormatError, TopicError, KafkaError, OSError) as error:
        _log.critical("forwarder stopped", reason=advice(error, "forward") or one_line(error))
    except Exception as error:  # noqa: BLE001 - it ends with a line and a code, whatever it is
        _log.critical("forwarder stopped", reason=f"{type(error).__name__}: {one_line(error)}", exc_info=error)
    return int(ExitCode.FAILED)


async def _run(settings: Settings, superseded: End, ready_file: Path | None) -> ExitCode:
    async def work(stop: asyncio.Event) -> None:
        await _forward(settings, stop, ready_file)
        _log.info("forwarder ended")

    return await until_ended(work, superseded, LOOP)


async def _forward(settings: Settings, stop: asyncio.Event, ready_file: Path | None) -> None:
    topics, poster = Topics.of(settings), Poster(settings)
    producer = clients.producer(settings.kafka_options(), max_request_size=2 * settings.max_message_bytes)
    await producer.start()
    stage = stage_of(settings.forward_name)
    letters = DeadLetters(producer, topics.dead_letters, settings.max_message_bytes, stage=stage)
    for verdict in Verdict:
        # What begins at 0 is seen to rise.
        POSTS.labels(verdict.value)
    gate = Gate(Policy(give_up=settings.forward_give_up_hours * _HOUR))
    control = Control(settings, gate)
    make = functools.partial(Delivery, poster, letters, gate, control, settings.forward_parallel)
    wanted = {
        topic: read
        for kind, (topic, read) in zip((Kind.COMPLETIONS, Kind.STUCK), readers(topics).items(), strict=True)
        if kind in settings.forward_kinds
    }
    group, failures = Group(settings, wanted, make), list[Exception]()

    def failed(error: Exception) -> None:
        failures.append(error)
        stop.set()

    beside = [
        Watched("pauses", control.run).start(),
        Watched("announcement", lambda: _announce(group, control, ready_file)).start(),
    ]
    leads = functools.partial(group.has, TopicPartition(topics.stuck, 0))
    watch = Watch(settings, leads) if Kind.STUCK in settings.forward_kinds else None
    joining = Watched("group", functools.partial(group.run, stop), failed=failed).start()
    if watch is not None:
        beside.append(Watched("stuck", watch.run).start())
    await stop.wait()
    FORWARD.ready = False
    for task in beside:
        await task.stop()
    await joining.ended()
    if watch is not None:
        watch.close()
    if ready_file is not None:
        await asyncio.to_thread(ready_file.unlink, missing_ok=True)
    await producer.stop()
    await poster.close()
    if failures:
        raise failures[0]


async def _announce(group: Group, control: Control, ready_file: Path | None) -> None:
    await control.known.wait()
    await group.ready.wait()
    _log.info("forwarder is ready")
    FORWARD.ready = True
    if ready_file is not None:
        await asyncio.to_thread(ready_file.touch)
