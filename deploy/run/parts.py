"""Runs one part of the system in this process, wired to what it needs of the others' code.

Each function imports only its own part: a process starts a second sooner without the libraries of the others.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Final, NoReturn

import structlog

from broker.ending import stopped_by_signals
from broker.tracing import check_tracing
from deploy.run.metrics_server import served
from operations.generations.mandates import live_mandate
from operations.generations.raw_topic import RawTopicError, check_raw_topic
from operations.pseudonyms import keyed_settings
from operations.restart_record import restarting
from schemas.exits import ExitCode
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gateway.following import Follow
    from gateway.member import Member
    from operations.directory_sync.service import Job
    from operations.generations.mandates import LiveMandate
    from schemas.reference.lookup import Reference
    from schemas.settings import Settings
    from streams.views import ReferenceFollower

__all__ = ["run_directory_sync", "run_forward", "run_gateway", "run_monitor", "run_sink", "run_worker"]

_LATER_SECONDS: Final = 30.0

_log: Final = structlog.stdlib.get_logger("monitor")


def run_gateway(settings: Settings, ready_file: Path | None, processes: int = 1) -> int:
    """Serve HTTP until told to stop; the exit code. Raises RawTopicError where webhooks would go into a wrong topic.

    `processes` share the address, each with a spool of its own.
    """
    check_tracing(settings)
    import gateway.main  # noqa: PLC0415 - see above
    from deploy.run.operating import Operating  # noqa: PLC0415
    from deploy.run.sealing import console_key  # noqa: PLC0415
    from streams.core.indicators.explain import explained  # noqa: PLC0415

    told = asyncio.run(check_raw_topic(settings))
    follow_views = _following(settings, told=told)

    def others() -> dict[str, str]:
        # Who answers runs.
        return {name: trouble for name, trouble in restarting(settings.data, time.time()).items() if name != "gateway"}

    def run(member: Member | None, ready_file: Path | None) -> int:
        return gateway.main.main(
            settings,
            follow_views=follow_views,
            explain=explained,
            operating=Operating(settings),
            sealing=lambda: console_key(settings),
            ready_file=ready_file,
            restarting=others,
            member=member,
        )

    if processes == 1:
        return run(None, ready_file)
    from deploy.run.gateway_processes import run_processes  # noqa: PLC0415 - see above

    return run_processes(settings, processes, lambda member: run(member, None), ready_file)


def _following(settings: Settings, *, told: bool) -> Follow:
    """What keeps the gateway's view; `told` is whether Kafka has said already that webhooks go into the right topic."""
    from streams.views import ReferenceFollower  # noqa: PLC0415 - see above

    def follow(reference: Reference, failed: Callable[[BaseException], None]) -> ReferenceFollower:
        class Follower(ReferenceFollower):
            """Asks first whether webhooks go into the right topic, if Kafka was away before."""

            async def start(self) -> None:
                try:
                    if not told:
                        await check_raw_topic(settings, _LATER_SECONDS)
                except RawTopicError as error:
                    failed(error)
                await super().start()

        return Follower(Topics.of(settings), settings.kafka_options(), reference, on_failed=failed)

    return follow


def run_worker(settings: Settings, data: Path, ready_file: Path | None) -> int:
    """Process webhooks until told to stop, with the state table's files in `data`; the exit code.

    When another generation takes over, this process begins again with that. Raises MetricsBindError where nobody can
    listen for Prometheus.
    """
    check_tracing(settings)
    import streams.worker  # noqa: PLC0415 - see above
    from streams.metrics import WORKER  # noqa: PLC0415

    with served(settings, WORKER):
        mandate = asyncio.run(_workers_mandate(settings))
        # A store's files name neither topic nor generation.
        directory = data / f"g{mandate.settings.generation}"
        for other in data.glob("g*"):
            if other.name[1:].isdigit() and int(other.name[1:]) not in mandate.kept:
                shutil.rmtree(other, ignore_errors=True)
        code = streams.worker.main(mandate.settings, data_dir=directory, ready_file=ready_file, mandate=mandate)
    if code == ExitCode.SUPERSEDED:
        _begin_again()
    return code


async def _workers_mandate(settings: Settings) -> LiveMandate:
    return await live_mandate(await keyed_settings(settings))


def run_sink(settings: Settings, ready_file: Path | None) -> int:
    """Insert derived records into ClickHouse until told to stop; the exit code.

    When another generation takes over, this process begins again with that. Raises MetricsBindError where nobody can
    listen for Prometheus.
    """
    check_tracing(settings)
    import sinks.main  # noqa: PLC0415 - see above
    from sinks.metrics import SINK  # noqa: PLC0415

    with served(settings, SINK):
        mandate = asyncio.run(live_mandate(settings, stores=True))
        code = sinks.main.main(mandate.settings, ready_file=ready_file, superseded=mandate.ended)
    if code == ExitCode.SUPERSEDED:
        _begin_again()
    return code


def run_forward(settings: Settings, ready_file: Path | None) -> int:
    """Tell others over HTTP what they asked for until told to stop; the exit code.

    When another generation takes over, this process begins again with that: its dead letters are there. Raises
    MetricsBindError where nobody can listen for Prometheus.
    """
    import sinks.forward.main  # noqa: PLC0415 - see above
    from operations.forwarding import carry_letters  # noqa: PLC0415
    from sinks.forward.metrics import FORWARD  # noqa: PLC0415

    with served(settings, FORWARD):
        mandate = asyncio.run(live_mandate(settings, stores=True))
        asyncio.run(carry_letters(mandate.settings))
        code = sinks.forward.main.main(mandate.settings, ready_file=ready_file, superseded=mandate.ended)
    if code == ExitCode.SUPERSEDED:
        _begin_again()
    return code


def run_monitor(settings: Settings) -> int:
    """Tell Prometheus of the system as a whole until told to stop; the exit code. Raises MetricsBindError."""
    from operations.monitoring.metrics import MONITOR  # noqa: PLC0415 - see above
    from operations.monitoring.monitor import Monitor  # noqa: PLC0415

    async def run() -> None:
        stop = stopped_by_signals()
        async with Monitor(settings).running():
            _log.info("monitor is ready", address=settings.metrics_bind)
            await stop.wait()
        _log.info("monitor ended")

    with served(settings, MONITOR):
        asyncio.run(run())
    return int(ExitCode.OK)


def run_directory_sync(settings: Settings, job: Job, every: float) -> int:
    """Keep the directory as the LMS has it until told to stop; the exit code. Raises MetricsBindError."""
    from operations.directory_sync.metrics import SYNC  # noqa: PLC0415 - see above
    from operations.directory_sync.service import sync_again_and_again  # noqa: PLC0415

    async def run() -> None:
        stop = stopped_by_signals()
        await sync_again_and_again(settings, job, every, stop)

    with served(settings, SYNC):
        asyncio.run(run())
    return int(ExitCode.OK)


def _begin_again() -> NoReturn:
    """Become a new process of the same command, id and environment: nobody has to start it, nothing is left of this."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this very command
