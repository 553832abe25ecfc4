"""The bundled documents in a database, by way of a real worker and a real sink."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import clickhouse_connect
import orjson

from deploy.demo.documents import demo_documents
from schemas.wire.headers import RawHeaders, encode_headers
from schemas.wire.webhook import student_key
from sinks.clickhouse import connect
from sinks.daily.refresh import refresh_all
from sinks.templates import Installation
from tests.support.sink import SinkBench, environment
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.settings import Settings
    from tests.support.processes import Processes

__all__ = ["load_demo"]


async def load_demo(settings: Settings, processes: Processes, directory: Path) -> None:
    """Send the documents as the gateway would for academy 1, and wait until their rows are in all tables."""
    bench = SinkBench(settings, processes, directory)
    await bench.setup()
    bodies = demo_documents()
    worker = [sys.executable, "-m", "deploy.cli", "worker", "--data", str(directory / "worker")]
    processes.start(worker, environment(settings))
    bench.start()
    headers = encode_headers(RawHeaders(academy=1))
    async with bench.producing(None) as producer:
        for body in bodies:
            key = student_key(orjson.loads(body), None)
            await producer.send_and_wait(bench.topics.raw, body, key=key, headers=headers)
    client = clickhouse_connect.get_client(
        dsn=settings.clickhouse.get_secret_value(), database=settings.database, autogenerate_session_id=False
    )

    async def arrived() -> bool:
        outcomes = client.query("SELECT count() FROM webhooks").result_rows[0][0]
        (figures,) = client.query("SELECT sum(compiles) FROM asset_daily").result_rows[0]
        (compiles,) = client.query("SELECT countIf(event = 'compile') FROM events").result_rows[0]
        return outcomes == len(bodies) and await bench.lag() == 0 and figures == compiles > 0

    try:
        await aeventually(arrived, 90, "the demo's rows")
        # The days' figures are computed of facts and of scores, in a beat of their own: those of the last may lack.
        with contextlib.closing(connect(settings)) as writer:
            refresh_all(writer, Installation.of(settings))
    finally:
        client.close()
