"""A worker: starts and stops Faust's application, views and watchdog together."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Final, NoReturn

import structlog
from aiokafka import TopicPartition

from broker.refusals import advice
from schemas.exits import ExitCode
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
from streams.views import BadReference, ReferenceFollower, ReferenceView
from streams.watchdog import Watchdog

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.settings import Settings
    from streams.mandate import Mandate
    from streams.processing import Core
    from streams.tuning import Tuning

__all__ = ["ReadyFile", "Service"]

_log: Final = structlog.stdlib.get_logger("streams")

# Faust's services stop one after another; what has not by then is cut off, which costs nothing that was committed.
_STOP_S: Final = 6.0


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
        self.superseded = asyncio.Event()
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
            superseded=self.superseded.set,
            tracer=self._tracer,
        )
        self.app = create_app(settings, topics, core, tuning, data_dir=data_dir, hooks=hooks)
        watch_memory(self.app.memory_budget)
        watch_state(data_dir)
        self._watchdog = Watchdog(self.app.owner, topics.raw, options, tuning.stall_s, self.end)
        self._topic_watch = TopicWatch(topics.raw, options, self.end)
        self.is_whole = True

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
        """Finish or abort the chunks in flight, leave the group; within seconds.

        `is_whole` is not true afterwards where Faust was cut off, whose tasks and thread go on then.
        """
        self._ready_file.remove()
        await self._watchdog.stop()
        await self._topic_watch.stop()
        await self.app.owner.release()
        try:
            async with asyncio.timeout(_STOP_S):
                await self.app.stop()
        except TimeoutError:
            self.is_whole = False
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
