"""A worker's process: starts and stops Faust's application, views and watchdog; signals and exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from typing import TYPE_CHECKING, Final, NoReturn

import structlog
import uvloop
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from broker.ending import end_within, stop_on_signals
from broker.refusals import advice
from broker.watched import Watched
from schemas.exits import ExitCode
from schemas.wire.formats import NewerFormatError
from schemas.wire.topics import Topics
from streams.app import Hooks, create_app
from streams.bad_references import WRITER, BadReferences
from streams.exits import end_process
from streams.mandate import Unlimited
from streams.metrics import LOOP, WORKER, watch_memory, watch_state
from streams.offsets import committed
from streams.surplus import partitions_with_state
from streams.topic_watch import TopicWatch
from streams.traced import tracer_for
from streams.tuning import Tuning
from streams.views import BadReference, ReferenceFollower, ReferenceView
from streams.watchdog import Watchdog

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.settings import Settings
    from streams.mandate import Mandate
    from streams.processing import Core

__all__ = ["ReadyFile", "Service", "look_for_cycles_less_often", "run", "serve"]

_log: Final = structlog.stdlib.get_logger("streams")

# Faust's services stop one after another; what has not by then is cut off, which costs nothing that was committed.
_STOP_S: Final = 6.0
# For all of the end, the chunk in flight included: the thread of Faust's consumer goes on when that is cut off.
_END_S: Final = 12.0
_GC_THRESHOLDS: Final = (100_000, 20, 100)


def look_for_cycles_less_often() -> None:
    """Set the garbage collector for chunks: tens of thousands of objects that leave no cycles behind.

    At Python's own thresholds looking for cycles took a fifth of the time.
    """
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


class ReadyFile:
    """A file that exists while the worker is ready, for supervisors and probes; None for none.

    `/ready` of the metrics says the same.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self) -> None:
        """The worker is ready."""
        WORKER.ready = True
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(f"{os.getpid()}\n")

    def remove(self) -> None:
        """The worker is not ready."""
        WORKER.ready = False
        if self._path is not None:
            self._path.unlink(missing_ok=True)


class Service:
    """Faust application, reference views and watchdog, started and stopped together."""

    def __init__(
        self,
        settings: Settings,
        core: Core,
        view: ReferenceView,
        *,
        data_dir: Path,
        ready_file: ReadyFile,
        tuning: Tuning,
        mandate: Mandate | None = None,
    ) -> None:
        self.mandate = mandate or Unlimited()
        self._topics, self._options = topics, options = Topics.of(settings), settings.kafka_options()
        self._application = topics.application
        self._ready_file = ready_file
        self._bad = BadReferences(
            topics, options, max_message_bytes=settings.max_message_bytes, redact=settings.redacted_keys
        )
        self._views = ReferenceFollower(
            topics, options, view, on_bad=self._on_bad_reference, on_failed=self._on_views_failed
        )
        self._tracer = tracer_for(settings, self.mandate)
        hooks = Hooks(
            views_complete=self._views.complete,
            bad_references=self._bad,
            progressed=self._progressed,
            on_ready=self._on_ready,
            on_unready=self._ready_file.remove,
            end=self.end,
            mandate=self.mandate,
            tracer=self._tracer,
        )
        self.app = create_app(settings, topics, core, tuning, data_dir=data_dir, hooks=hooks)
        watch_memory(self.app.memory_budget)
        watch_state(data_dir)
        self._watchdog = Watchdog(self.app.owner, topics.raw, options, tuning.stall_s, self.end)
        self._topic_watch = TopicWatch(topics.raw, options, self.end)

    async def start(self) -> None:
        """Connect and join the group; partitions open as they are assigned.

        Raises NewerFormatError, before anything else, where a newer release has written the state: who joined first
        would take partitions from those that can go on with it.
        """
        self._ready_file.remove()
        self.app.owner.home = await partitions_with_state(self._options, self._topics)
        raw = [TopicPartition(self._topics.raw, number) for number in range(self.app.owner.home)]
        await committed(self._options, self._application, raw)
        LOOP.start()
        await self._views.start()
        if self.mandate.live_progress is not None:
            await self.mandate.live_progress.start()
        self._watchdog.start()
        await self._topic_watch.start()
        await self.app.start()

    async def stop(self) -> None:
        """Finish or abort the chunks in flight, leave the group; within seconds."""
        self._ready_file.remove()
        await self._watchdog.stop()
        await self._topic_watch.stop()
        await self.app.owner.release()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await self.app.stop()
        await self._views.stop()
        if self.mandate.live_progress is not None:
            await self.mandate.live_progress.stop()
        if self._tracer is not None:
            await asyncio.to_thread(self._tracer.close)
        await LOOP.stop()
        _log.info("worker ended", application=self._application)

    def end(self, code: ExitCode, message: str, /, error: BaseException | None = None, **fields: object) -> NoReturn:
        """End the process as `end_process` does; whoever probes it sees that it is not ready."""
        with contextlib.suppress(OSError):
            self._ready_file.remove()
        if told := advice(error, "worker"):
            message, error = told, None
        end_process(code, message, error, **fields)

    def _progressed(self) -> None:
        self._watchdog.progressed()

    def _on_ready(self) -> None:
        _log.info("worker is ready", application=self._application)
        self._ready_file.write()

    def _on_bad_reference(self, bad: BadReference) -> None:
        self._bad.add(bad)
        self.app.owner.wake(WRITER)

    def _on_views_failed(self, error: BaseException) -> None:
        self.end(ExitCode.VIEWS_FAILED, "rules and directory cannot be followed any more: start again", error)


async def serve(service: Service) -> int:
    """Run a service until SIGTERM or SIGINT, or until another generation takes over; returns the exit code."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    stop_on_signals(stop, _END_S)
    try:
        await service.start()
    except NewerFormatError as error:
        service.end(ExitCode.FAILED, str(error))
    except KafkaError as error:
        away = f"Kafka cannot be reached ({error}): check TELEMETRY_KAFKA and that it runs"
        service.end(ExitCode.FAILED, advice(error, "worker") or away)
    superseded = asyncio.Event()

    async def watch() -> None:
        await service.mandate.ended()
        superseded.set()

    watching = Watched("mandate", watch).start()
    events = [loop.create_task(event.wait()) for event in (stop, superseded)]
    faust = loop.create_task(service.app.wait_until_stopped())
    await asyncio.wait({faust, *events}, return_when=asyncio.FIRST_COMPLETED)
    if faust.done() or service.app.crashed:
        reason = service.app.crash_reason or (None if faust.cancelled() else faust.exception())
        service.end(ExitCode.FAILED, f"Faust has ended by itself ({reason!r}): start again", reason)
    code = ExitCode.OK if stop.is_set() else ExitCode.SUPERSEDED
    if code is ExitCode.SUPERSEDED:
        end_within(_END_S, code)
    await watching.stop()
    await service.stop()
    return int(code)


def run(
    settings: Settings,
    core: Core,
    view: ReferenceView,
    *,
    data_dir: Path,
    ready_file: Path | None = None,
    tuning: Tuning | None = None,
    mandate: Mandate | None = None,
) -> int:
    """Work until SIGTERM or SIGINT; returns the exit code.

    Does not return if the worker must not go on: streams.exits has the codes.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    look_for_cycles_less_often()
    if not structlog.is_configured():
        # Tracebacks without the values of locals: those hold webhooks and credentials.
        render = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
        structlog.configure(processors=[structlog.processors.add_log_level, stamp, render])

    async def build_and_serve() -> int:
        service = Service(
            settings,
            core,
            view,
            data_dir=data_dir,
            ready_file=ReadyFile(ready_file),
            tuning=tuning or Tuning(),
            mandate=mandate,
        )
        return await serve(service)

    return int(uvloop.run(build_and_serve()))
