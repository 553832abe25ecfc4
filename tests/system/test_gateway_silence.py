"""The gateway's routes and pages for operators while ClickHouse takes every question and answers none."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from deploy.local.resources import free_port
from tests.support.console import logged_in, page
from tests.support.door import opened
from tests.support.http_system import http_system
from tests.support.stack import Stack
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

pytestmark = [pytest.mark.system, pytest.mark.long]

# What nobody waits for longer than: eight seconds, and what a busy machine adds.
PATIENCE = 13.0


def clickhouse(client: httpx.Client) -> str:
    """What operators are told of ClickHouse, in time and with all that is known of others."""
    answer = client.get("/v1/telemetry/operations")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["parts"]["clickhouse"])


def test_nobody_waits_for_a_server_that_hangs(stack: Stack, tmp_path: Path) -> None:
    """Each answer says within seconds that something is away; what could be told of other parts is told."""
    address, port, silent = urlsplit(stack.clickhouse), free_port(), threading.Event()
    behind = address._replace(netloc=f"{address.netloc.rpartition('@')[0]}@127.0.0.1:{port}").geturl()
    server = f"{address.hostname}:{address.port}"
    with (
        opened(port, server, silent),
        http_system(Stack(kafka=stack.kafka, clickhouse=behind), tmp_path, parts=("gateway",)) as system,
        system.client(academy=None) as client,
        logged_in(system) as browser,
        ThreadPoolExecutor(8) as at_once,
    ):
        client.timeout = browser.timeout = PATIENCE
        silent.set()
        try:
            listed, one, retried, letters = at_once.map(
                lambda ask: ask(),
                (
                    lambda: client.get("/v1/telemetry/dead-letters"),
                    lambda: client.delete("/v1/telemetry/dead-letters/1"),
                    lambda: client.post("/v1/telemetry/dead-letters/retry", json={"preview": False}),
                    lambda: browser.get("/console/letters"),
                ),
            )
            # What was found a moment before is told once more.
            eventually(lambda: "does not answer" in clickhouse(client), 60, "what is said of ClickHouse")
            whole = page(browser.get("/console/operations"))
        finally:
            silent.clear()

    for answer in (listed, one, retried):
        assert (answer.status_code, answer.json()["slug"]) in {(503, "system-silent"), (503, "data-unavailable")}
        assert "Retry-After" in answer.headers
    assert letters.status_code == 503
    assert re.search(r"These parts do not work: [^.]*\bclickhouse\b", whole.text)
    assert "does not answer" in whole.text
