"""The gateway's process: connects what it consists of, serves until it is told to stop, and takes them apart again."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import structlog
import uvloop

from broker.ending import END_SECONDS, end_within
from broker.refusals import advice
from broker.tracing import tracer_of
from broker.watched import Watched
from gateway.access import Access
from gateway.addresses import Addresses
from gateway.api.services import Services
from gateway.app import create_app
from gateway.commands import Commands
from gateway.connections import Connections
from gateway.console.page import compile_templates
from gateway.console.sealing import Sealing
from gateway.durable.delivery import Delivery
from gateway.durable.kafka import RawProducer
from gateway.durable.places import count_damaged, take_over
from gateway.durable.spool import Spool
from gateway.errors import KafkaUnavailableError, SpoolError
from gateway.following import Views
from gateway.health import Readiness
from gateway.ingest.shares import Shares
from gateway.ingest.workshop import Workshop
from gateway.insights.live import Live
from gateway.memory import give_back_large_blocks, look_for_cycles_less_often
from gateway.metrics import Metrics
from gateway.reading.questions import Questions
from gateway.reading.store import ClickHouse
from gateway.server import BindError, listen, serve
from gateway.shared_metrics import SharedMetrics
from schemas.errors import OperatorError
from schemas.exits import ExitCode
from schemas.wire.formats import NewerFormatError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from broker.tracing import Tracer
    from gateway.following import Follow
    from gateway.member import Member
    from gateway.operating import Operating
    from gateway.reading.explaining import Explain
    from schemas.settings import Settings

__all__ = ["main"]

# What bodies may take: the rest of the process is 100 MB, and all of it is to stay below 300.
_LARGE_BODIES_BYTES: Final = 64 << 20
_SMALL_BODIES_BYTES: Final = 16 << 20

_log: Final = structlog.stdlib.get_logger("gateway")


def main(
    settings: Settings,
    *,
    follow_views: Follow,
    explain: Explain,
    operating: Operating,
    sealing: Callable[[], Awaitable[bytes]],
    ready_file: Path | None = None,
    restarting: Callable[[], Mapping[str, str]] = dict,
    member: Member | None = None,
) -> int:
    """Run the gateway until SIGTERM or SIGINT; returns the process's exit code.

    `follow_views` makes what keeps the view of the reference topics (gateway.following), `explain` says why scores are
    what they are (gateway.reading.explaining), `operating` does what operators ask for, `sealing` gives the key of the
    console's sessions and raises KafkaUnavailableError. `ready_file` is written, with the process id, once webhooks are
    accepted, and removed at the end. `restarting` tells what is wrong with parts of the system that do not run or end
    again and again; it may block. `member` says which of several processes of a
    gateway this is; without it, it is the only one.
    """
    give_back_large_blocks()
    failures: list[BaseException] = []
    try:
        if member is None:
            take_over(settings.spool, 1)
        uvloop.run(
            _run(
                settings,
                follow_views,
                explain,
                ready_file,
                restarting,
                operating=operating,
                sealing=sealing,
                failures=failures,
                member=member,
            )
        )
    except (BindError, NewerFormatError, SpoolError) as error:
        _log.critical("gateway stopped", reason=str(error))
        return 1
    finally:
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
    if failures:
        return 1
    _log.info("gateway ended")
    return 0


async def _run(
    settings: Settings,
    follow_views: Follow,
    explain: Explain,
    ready_file: Path | None,
    restarting: Callable[[], Mapping[str, str]],
    *,
    operating: Operating,
    sealing: Callable[[], Awaitable[bytes]],
    failures: list[BaseException],
    member: Member | None,
) -> None:
    def end_process(error: BaseException) -> None:
        failures.append(error)
        if isinstance(error, OperatorError):
            _log.critical("gateway stopped", reason=str(error))
        else:
            failed = f"the view of the reference topics failed: {type(error).__name__}: {error}"
            reason = advice(error, "gateway") or failed
            _log.critical("gateway stopped", reason=reason)
        signal.raise_signal(signal.SIGTERM)

    views = Views(follow_views, settings.spool, end_process, keeps=member is None or member.number == 1)
    running = _Running.of(settings, views, explain, member)

    async def announce() -> None:
        await running.views.usable.wait()
        if ready_file is not None:
            await asyncio.to_thread(ready_file.write_text, f"{os.getpid()}\n")
        if member is not None:
            member.tell_ready()
        _log.info("gateway accepts webhooks", address=settings.gateway_bind)
        # Beside what comes in, which need not wait for it.
        await asyncio.to_thread(compile_templates)

    async def readiness() -> Readiness:
        return await running.readiness(restarting)

    seal = Sealing(sealing)
    async with running.started(), _kept(operating, seal, member):
        app = create_app(
            running.services,
            publisher=running.delivery,
            metrics=running.metrics,
            readiness=readiness,
            live=running.live,
            operating=operating,
            sealing=seal,
            tracer=running.tracer,
        )
        look_for_cycles_less_often()
        listener = listen(settings.gateway_bind) if member is None else member.listener

        def ending() -> None:
            end_within(END_SECONDS, ExitCode.FAILED if failures else ExitCode.OK)
            running.live.end()

        await serve(
            app,
            settings.gateway_bind,
            listener,
            _connections(settings, running.metrics),
            once_listening=announce,
            ending=ending,
        )


@contextlib.asynccontextmanager
async def _kept(operating: Operating, seal: Sealing, member: Member | None) -> AsyncIterator[None]:
    """Keep how far everything is behind, which one process of a gateway does, how many rows there are, and the seal."""
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(Watched("console key", seal.learn).start().stop)
        closing.push_async_callback(Watched("row counts", operating.keep_counts).start().stop)
        if member is None or member.number == 1:
            closing.push_async_callback(Watched("lag history", operating.keep_lag).start().stop)
        yield


def _connections(settings: Settings, metrics: Metrics) -> Connections:
    port = int(settings.gateway_bind.rpartition(":")[2])
    proxies = Addresses(settings.trusted_proxies)
    return Connections(port, settings.connections_per_address, proxies, count=metrics.note_shut)


@dataclass(frozen=True, slots=True)
class _Running:
    """What runs in the process beside the server, and what the routes use of it."""

    views: Views
    spool: Spool
    delivery: Delivery
    clickhouse: ClickHouse
    metrics: Metrics
    services: Services
    live: Live
    member: Member | None
    tracer: Tracer | None

    @classmethod
    def of(cls, settings: Settings, views: Views, explain: Explain, member: Member | None) -> Self:
        """Everything, connected with each other; nothing is started."""
        metrics = Metrics() if member is None else SharedMetrics(member.figures, member.number)
        producer = RawProducer(settings, metrics, 1 if member is None else member.processes)
        if member is None:
            spool = Spool(settings.spool, settings.spool_max_bytes)
        else:
            spool = Spool(member.spool, settings.spool_max_bytes // member.processes)
        delivery = Delivery(producer, spool)
        metrics.watch(delivery, spool, settings.spool)
        clickhouse = ClickHouse(settings)
        questions = Questions(clickhouse)
        services = Services(
            settings=settings,
            access=Access(views, everybody=settings.auth == "open"),
            views=views,
            clickhouse=clickhouse,
            questions=questions,
            producer=producer,
            commands=Commands(delivery, clickhouse, redact=settings.keys_out_of_raw),
            metrics=metrics,
            shares=Shares(large=max(_LARGE_BODIES_BYTES, 4 * settings.max_body_bytes), small=_SMALL_BODIES_BYTES),
            workshop=Workshop(),
            explain=explain,
        )
        tracer = tracer_of(settings, metrics.part, metrics.spans)
        return cls(views, spool, delivery, clickhouse, metrics, services, Live(questions), member, tracer)

    @contextlib.asynccontextmanager
    async def started(self) -> AsyncIterator[None]:
        """Run it for a while. The views end first and ClickHouse's client last; a start that fails ends what runs."""
        async with contextlib.AsyncExitStack() as closing:
            if self.tracer is not None:
                closing.push_async_callback(asyncio.to_thread, self.tracer.close)
            closing.push_async_callback(self.clickhouse.close)
            if self.member is not None:
                beat = functools.partial(self.member.beats.keep, self.member.number)
                closing.push_async_callback(Watched("beat", beat).start().stop)
            self.metrics.loop.start()
            closing.push_async_callback(self.metrics.loop.stop)
            self.live.start()
            closing.push_async_callback(self.live.stop)
            await self.delivery.start()
            closing.push_async_callback(self.delivery.stop)
            await self.views.start()
            closing.push_async_callback(self.views.stop)
            if isinstance(self.metrics, SharedMetrics):
                closing.push_async_callback(self.metrics.beating.start().stop)
            yield

    async def readiness(self, restarting: Callable[[], Mapping[str, str]]) -> Readiness:
        """What `/health/ready` tells, asked of all at once."""
        answers, database, _, damaged, parts = await asyncio.gather(
            self._broker_answers(),
            self.clickhouse.answers(),
            self.spool.damaged_segments(),
            asyncio.to_thread(count_damaged, self.services.settings.spool),
            asyncio.to_thread(restarting),
        )
        silent = {} if self.member is None else self.member.beats.silent()
        return Readiness(
            kafka=answers and self.delivery.direct,
            clickhouse=database,
            views=self.views.complete,
            damaged_spool_segments=damaged,
            restarting={**parts, **silent},
            draining=answers,
        )

    async def _broker_answers(self) -> bool:
        try:
            await self.services.producer.probe()
        except KafkaUnavailableError:
            return False
        return True
