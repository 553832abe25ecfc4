"""The gateway's process: connects its parts, serves until it is told to stop, and takes them apart again."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

import structlog
import uvloop
from aiokafka.errors import KafkaError

from gateway.app import create_app
from gateway.health import Readiness
from gateway.kafka import RawProducer
from gateway.reading import ClickHouse
from gateway.server import BindError, serve
from schemas.reference import Reference

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.following import Follow
    from schemas.settings import Settings

__all__ = ["main"]

_log: Final = structlog.stdlib.get_logger("gateway")


def main(settings: Settings, *, follow_views: Follow, ready_file: Path | None = None) -> int:
    """Run the gateway until SIGTERM or SIGINT; returns the process's exit code.

    `follow_views` makes what keeps the view of the reference topics (gateway.following). `ready_file` is written, with
    the process id, once the gateway accepts webhooks, and removed at the end.
    """
    try:
        uvloop.run(_run(settings, follow_views, ready_file))
    except (BindError, KafkaError) as error:
        _log.critical("gateway stopped", reason=str(error))
        return 1
    finally:
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
    return 0


async def _run(settings: Settings, follow_views: Follow, ready_file: Path | None) -> None:
    reference = Reference()
    clickhouse = ClickHouse(settings)
    follower = follow_views(reference, _end_process)
    producer = RawProducer(settings)

    async def readiness() -> Readiness:
        return Readiness(
            kafka=producer.connected, clickhouse=await clickhouse.answers(), views=follower.complete.is_set()
        )

    def listening() -> None:
        _log.info("gateway listens", address=settings.gateway_bind)
        if ready_file is not None:
            ready_file.write_text(f"{os.getpid()}\n")

    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(clickhouse.close)
        await producer.start()
        closing.push_async_callback(producer.stop)
        await follower.start()
        closing.push_async_callback(follower.stop)
        await follower.complete.wait()
        app = create_app(settings, reference=reference, readiness=readiness, publisher=producer)
        await serve(app, settings.gateway_bind, listening=listening)


def _end_process(error: BaseException) -> None:
    _log.critical("the view of the reference topics failed; stopping", reason=str(error))
    signal.raise_signal(signal.SIGTERM)
