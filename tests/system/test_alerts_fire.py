"""Alerts of a running system whose faults happen: each fires, and resolves once the fault is mended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import uuid
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from tests.support.metrics import need_prometheus
from tests.support.plain_http import PLAIN
from tests.support.prometheus import Prometheus
from tests.support.up import System, alone, document
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(1200), need_prometheus]

_POST_SECONDS: Final = 0.2
_PATIENCE: Final = 240


class Watched:
    """A system of `up`, and a Prometheus that watches it."""

    def __init__(self, system: System, prometheus: Prometheus) -> None:
        self.system = system
        self.prometheus = prometheus


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Both, with a spool that is soon full."""
    directory = tmp_path_factory.mktemp("alerts")
    with alone(directory, SPOOL_MAX_BYTES="20000") as system:
        system.start("--demo", until="Ask it yourself")
        yield Watched(system, Prometheus(directory / "prometheus", system.directory / "metrics", system.processes))


@contextlib.contextmanager
def posting(system: System, token: str | None = None) -> Iterator[None]:
    """Small documents come in all the while, with the system's token or another one."""
    addresses, done = system.addresses, threading.Event()
    headers = {"Authorization": f"Token {token or addresses['TELEMETRY_TOKEN']}"}

    def post() -> None:
        student = 70_000
        while not done.wait(_POST_SECONDS):
            student += 1
            with contextlib.suppress(httpx.HTTPError):
                httpx.post(
                    f"{addresses['TELEMETRY_GATEWAY_URL']}/v1/assignment/me/telemetry",
                    json=document(student),
                    headers=headers,
                    timeout=5,
                    verify=PLAIN,
                )

    threads = [threading.Thread(target=post, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def frozen(system: System, part: str) -> Iterator[None]:
    """A part is stopped, keeps its connections, and answers nothing."""
    pid = system.pid(part)
    os.kill(pid, signal.SIGSTOP)
    try:
        with posting(system) if part != "gateway" else contextlib.nullcontext():
            yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def killed(system: System) -> Iterator[None]:
    """The sink is killed as soon as it runs, three times."""
    before = 0
    for _ in range(3):
        now = eventually(lambda: next(pid for pid in [system.pid("sink")] if pid != before), 60, "the sink again")  # noqa: B023 - at once
        os.kill(now, signal.SIGKILL)
        before = now
    yield


@contextlib.contextmanager
def rubbish(system: System) -> Iterator[None]:
    """Somebody writes into the raw topic what is no webhook."""

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=system.addresses["TELEMETRY_KAFKA"])
        await producer.start()
        try:
            await producer.send_and_wait("learnpack.webhooks.raw", b"\xff no webhook", key=b"nobody")
        finally:
            await producer.stop()

    asyncio.run(send())
    yield


@contextlib.contextmanager
def made_up(system: System) -> Iterator[None]:
    """An outcome is stored of a webhook that never came."""
    identity = uuid.uuid4().int >> 70
    insert = (
        "INSERT INTO telemetry_g1.webhooks (id, status, verdict, source, created_at, version, deleted) "
        "SELECT {id:UInt64}, 'DONE', 'stored', 'learnpack', now64(3) - INTERVAL 3 MINUTE, {version:UInt64}, "
        "{deleted:UInt8}"
    )
    system.sql(insert, id=identity, version=1, deleted=0)
    try:
        yield
    finally:
        system.sql(insert, id=identity, version=2, deleted=1)


@contextlib.contextmanager
def lost(system: System) -> Iterator[None]:
    """The outcome of a webhook of days ago is gone."""
    found = system.sql(
        "SELECT id FROM telemetry_g1.webhooks FINAL WHERE source != 'staff' "
        "AND created_at BETWEEN now() - INTERVAL 5 DAY AND now() - INTERVAL 3 DAY LIMIT 1"
    )
    identity = int(found)
    system.sql(f"ALTER TABLE telemetry_g1.webhooks DELETE WHERE id = {identity} SETTINGS mutations_sync = 2")
    try:
        yield
    finally:
        system.sql(
            "INSERT INTO telemetry_g1.webhooks (id, version, deleted) VALUES ({id:UInt64}, {version:UInt64}, 1)",
            id=identity,
            version=(1 << 63) - 1,
        )


FAULTS: Final[dict[str, tuple[Callable[[System], AbstractContextManager[None]], set[str]]]] = {
    "a gateway hangs": (lambda system: frozen(system, "gateway"), {"TelemetryPartDown"}),
    "a worker hangs": (lambda system: frozen(system, "worker-1"), {"TelemetryNobodyWorks", "TelemetryPartDown"}),
    "ClickHouse hangs": (lambda system: frozen(system, "clickhouse"), {"TelemetryClickHouseAway", "TelemetryLagGrows"}),
    "unknown tokens come": (lambda system: posting(system, "nobody-knows-it"), {"TelemetryTokenErrors"}),
    "what is no webhook is in the log": (rubbish, {"TelemetryDeadLetters"}),
    "an outcome is made up": (made_up, {"TelemetryLedgerDiffers"}),
    "an outcome of days ago is lost": (lost, {"TelemetryLedgerDiffers"}),
    "a sink is killed again and again": (killed, {"TelemetryPartRestarts"}),
    "Kafka hangs": (
        lambda system: frozen(system, "kafka"),
        {
            "TelemetryKafkaAway",
            "TelemetryGatewaySpools",
            "TelemetrySpoolDoesNotDrain",
            "TelemetrySpoolFills",
            "TelemetryLosesEvents",
        },
    ),
}


def test_prometheus_scrapes_every_part_of_a_system_that_is_well(watched: Watched) -> None:
    """Each target answers, each alert can be evaluated, and none fires."""
    prometheus = watched.prometheus
    processes = {"supervisor", "worker-1", "sink", "gateway"}

    eventually(lambda: prometheus.healthy() == dict.fromkeys(processes, True), _PATIENCE, "every target up")
    eventually(lambda: prometheus.failed_rules() == [], 60, "every alert evaluated")
    eventually(lambda: prometheus.firing() == set(), _PATIENCE, "no alert")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_and_its_mend_too(watched: Watched, fault: str) -> None:
    """Its alerts fire while it lasts, and no longer."""
    make, alerts = FAULTS[fault]
    seen: set[str] = set()

    def told() -> bool:
        seen.update(watched.prometheus.firing())
        return alerts <= seen

    with make(watched.system):
        eventually(told, _PATIENCE, f"{sorted(alerts)}")
    eventually(lambda: not alerts & watched.prometheus.firing(), _PATIENCE, f"{sorted(alerts)} resolved")
