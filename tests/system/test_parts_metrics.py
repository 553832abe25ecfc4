"""Parts of a cluster that tell how they are: each at an address of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from deploy.local.resources import LOOPBACK, free_port
from deploy.run.replaying import replay_parts
from deploy.run.scraping import BIND
from tests.support.commands import command
from tests.support.metrics import sample, scrape
from tests.support.plain_http import PLAIN
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.settings import Settings
    from tests.support.processes import Child, Processes

pytestmark = pytest.mark.system


def status(address: str, path: str) -> int:
    """The status of an answer."""
    return httpx.get(f"http://{address}/{path}", timeout=10, verify=PLAIN).status_code


def test_ready_is_what_the_ready_file_says(
    installed: Settings, start_part: Callable[..., Child], processes: Processes
) -> None:
    """Of worker and sink, from when they work; the monitor tells who works in which group, and that nothing waits."""
    addresses = {name: f"{LOOPBACK}:{free_port()}" for name in ("worker", "sink", "monitor")}
    parts = {name: start_part(name, METRICS_BIND=addresses[name]) for name in ("worker", "sink")}
    monitor = processes.start(
        [sys.executable, "-m", "deploy.cli", "monitor"], {"TELEMETRY_METRICS_BIND": addresses["monitor"]}
    )

    for name in parts:
        assert [status(addresses[name], path) for path in ("live", "ready")] == [200, 200]
    eventually(lambda: status(addresses["monitor"], "ready") == 200, 60, "the monitor")
    group = f'telemetry_monitor_group_members{{group="{installed.topic_prefix}worker.g1"}}'
    for series in (group, "telemetry_monitor_kafka_up", "telemetry_monitor_clickhouse_up"):
        eventually(lambda: sample(scrape(addresses["monitor"]), series) == 1, 60, series)  # noqa: B023 - at once
    assert parts["worker"].terminate() == 0
    eventually(lambda: sample(scrape(addresses["monitor"]), group) == 0, 90, "nobody in the workers' group")
    assert monitor.terminate() == 0


def test_an_address_that_is_taken_ends_the_part(installed: Settings, start_part: Callable[..., Child]) -> None:
    """With a line that says which one, and what to set; the one that has it goes on."""
    address = f"{LOOPBACK}:{free_port()}"
    sink = start_part("sink", METRICS_BIND=address)

    with pytest.raises(AssertionError, match=f"metrics cannot be served at {address}.*TELEMETRY_METRICS_BIND"):
        start_part("worker", METRICS_BIND=address)
    assert status(address, "ready") == 200
    assert sink.terminate() == 0
    assert installed.metrics_bind is None


def test_a_monitor_without_an_address_is_refused(installed: Settings) -> None:
    """It would tell nobody anything."""
    outcome = command("monitor")

    assert installed.metrics_bind is None
    assert outcome.code == 1
    assert "TELEMETRY_METRICS_BIND" in outcome.err


def test_the_processes_of_a_replay_share_no_address(installed: Settings) -> None:
    """Nor do they take that of whoever starts them."""
    named = installed.model_copy(update={"metrics_bind": f"{LOOPBACK}:{free_port()}"})

    binds = [part.env[BIND] for part in replay_parts(named, 2, 3)]

    assert len({*binds, named.metrics_bind}) == 5
