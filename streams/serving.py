"""A worker's process: signals, exit codes, and how it ends whatever its libraries wait for."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Final

import structlog
import uvloop
from aiokafka.errors import KafkaError

from broker.ending import end_within, stopped_by_signals
from broker.refusals import advice
from broker.watched import Watched
from schemas.exits import ExitCode
from schemas.wire.formats import NewerFormatError
from streams.service import ReadyFile, Service
from streams.tuning import Tuning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from schemas.settings import Settings
    from streams.mandate import Mandate
    from streams.processing import Core
    from streams.views import ReferenceView

__all__ = ["look_for_cycles_less_often", "run", "serve"]

# For all of the end, the chunk in flight included: the thread of Faust's consumer goes on when that is cut off.
_END_S: Final = 12.0
_GC_THRESHOLDS: Final = (100_000, 20, 100)


def look_for_cycles_less_often() -> None:
    """Set the garbage collector for chunks: tens of thousands of objects that leave no cycles behind.

    At Python's own thresholds looking for cycles took a fifth of the time.
    """
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def serve(make: Callable[[], Service]) -> int:
    """Run a service, made in the loop, until SIGTERM or SIGINT, or until another generation takes over.

    Returns the exit code, with what could not be stopped still running: nobody waits for that but Python's own end.
    """
    made: list[Service] = []

    async def make_and_serve() -> int:
        made.append(make())
        return await _serve(made[0])

    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    try:
        return runner.run(make_and_serve())
    finally:
        # Closing waits for every task that is left, and some of Faust's take no notice of being cancelled.
        if not made or made[0].is_whole:
            runner.close()


async def _serve(service: Service) -> int:
    stop, loop = stopped_by_signals(_END_S), asyncio.get_running_loop()
    try:
        await service.start()
    except NewerFormatError as error:
        service.end(ExitCode.FAILED, str(error))
    except KafkaError as error:
        away = f"Kafka cannot be reached ({error}): check TELEMETRY_KAFKA and that it runs"
        service.end(ExitCode.FAILED, advice(error, "worker") or away)

    async def watch() -> None:
        await service.mandate.ended()
        service.superseded.set()

    watching = Watched("mandate", watch).start()
    events = [loop.create_task(event.wait()) for event in (stop, service.superseded)]
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

    return serve(
        lambda: Service(
            settings,
            core,
            view,
            data_dir=data_dir,
            ready_file=ReadyFile(ready_file),
            tuning=tuning or Tuning(),
            mandate=mandate,
        )
    )
