"""Dashboards of a running system under load: a real Prometheus scrapes it, and panels have something to show."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import clickhouse_connect
import httpx
import pytest
from aiokafka import AIOKafkaProducer

from tests.support.dashboards import Shown, expanded_promql, expanded_sql, of_optional_parts, panels
from tests.support.metrics import need_prometheus
from tests.support.plain_http import PLAIN
from tests.support.prometheus import Prometheus
from tests.support.up import System, alone, document
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(900), need_prometheus]

EVERY_PANEL: Final = pytest.mark.parametrize("panel", panels(), ids=str)
TUTORIAL: Final = "exercise-postcard"

# Panels that show nothing while all is well, and why. Alerts fire here: there are dead letters, and an unknown token.
# tests/contract/test_dashboards_lms.py has what those of parts show that do not run here.
EMPTY: Final = dict.fromkeys(map(str, of_optional_parts()), "`up` runs no such part") | {
    "pipeline: Inserts tried again": "ClickHouse takes every insert",
    "quality: Came too fast": "nobody sends faster than is allowed",
}


@dataclass(frozen=True, slots=True)
class Watched:
    """A system of `up` that gets documents all the while, and a Prometheus that watches it."""

    system: System
    prometheus: Prometheus


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Both, with the demo's documents and one record that is no webhook."""
    directory = tmp_path_factory.mktemp("dashboards")
    with alone(directory) as system:
        system.start("--demo", until="Ask it yourself")
        prometheus = Prometheus(directory / "prometheus", system.directory / "metrics", system.processes)
        eventually(prometheus.healthy, 60, "targets")
        with loaded(system):
            asyncio.run(send_rubbish(system.addresses["TELEMETRY_KAFKA"]))
            yield Watched(system, prometheus)


async def send_rubbish(kafka: str) -> None:
    """Write into the raw topic what is no webhook."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        await producer.send_and_wait("learnpack.webhooks.raw", b"\xff no webhook", key=b"nobody")
    finally:
        await producer.stop()


@contextlib.contextmanager
def loaded(system: System) -> Iterator[None]:
    """Documents come all the while; some are not quite JSON, and some come with a token that nobody knows."""
    done = threading.Event()
    url = f"{system.addresses['TELEMETRY_GATEWAY_URL']}/v1/assignment/me/telemetry"
    token = system.addresses["TELEMETRY_TOKEN"]

    def post() -> None:
        student = 80_000
        with httpx.Client(timeout=30, verify=PLAIN) as client:
            while not done.wait(0.1):
                student += 1
                headers = {"Authorization": f"Token {token if student % 10 else 'unknown'}"}
                with contextlib.suppress(httpx.HTTPError):
                    client.post(url, json=document(student), headers=headers)
                    client.post(
                        url,
                        content=b'{"event": "open_step", "user_id": 7, "slug": "lists", "at": NaN}',
                        headers=headers,
                    )

    thread = threading.Thread(target=post, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextlib.contextmanager
def analyst_of(system: System) -> Iterator[Client]:
    """ClickHouse as Grafana's data source asks it."""
    url = system.addresses["TELEMETRY_ANALYST_CLICKHOUSE"]
    client = clickhouse_connect.get_client(dsn=url, database="telemetry", autogenerate_session_id=False)
    try:
        yield client
    finally:
        client.close()


def drawn(prometheus: Prometheus, expression: str) -> list[dict[str, Any]]:
    """The series of an expression of which a graph has something to draw."""
    series = prometheus.series(expanded_promql(expression, "20s"))
    return [one for one in series if any(value != "NaN" for _, value in one["values"])]


def rows(analyst: Client, sql: str) -> list[dict[str, Any]]:
    """What ClickHouse answers."""
    return list(analyst.query(expanded_sql(sql, TUTORIAL)).named_results())


@EVERY_PANEL
def test_a_panel_has_something_to_show(watched: Watched, panel: Shown) -> None:
    """Each of its queries is answered with series or rows, but for panels that are empty while all is well."""
    with analyst_of(watched.system) as analyst:
        for shows in (
            *(partial(drawn, watched.prometheus, expression) for expression in panel.promql),
            *(partial(rows, analyst, sql) for sql in panel.sql),
        ):
            if str(panel) in EMPTY:
                assert shows() == []
            else:
                eventually(shows, 90, str(panel))


def test_figures_are_those_of_the_console(watched: Watched) -> None:
    """The funnel of a tutorial has the same steps in the same order, and the same numbers, as the gateway's answer."""
    addresses = watched.system.addresses
    (funnel,) = (panel.sql[0] for panel in panels() if panel.raw["type"] == "barchart")
    told = httpx.get(
        f"{addresses['TELEMETRY_GATEWAY_URL']}/v1/telemetry/academy/assets/{TUTORIAL}/funnel",
        headers={"Authorization": f"Token {addresses['TELEMETRY_TOKEN']}", "Academy": "1"},
        timeout=30,
        verify=PLAIN,
    ).json()["results"]

    with analyst_of(watched.system) as analyst:
        shown = rows(analyst, funnel)

    assert len(shown) > 10
    assert [{name: step[name] for name in shown[0]} for step in told] == shown
