"""The page about a system."""

from __future__ import annotations

import asyncio
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import orjson
import pytest

from operations.asking import ask
from operations.lag import Lag, PartitionLag
from operations.status import Restarts, Status, collect_status
from schemas.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from operations.asking import Answer


def test_servers_that_accept_and_say_nothing_are_told_of(tmp_path: Path) -> None:
    """However long they would be waited for: each by itself, in the order of every other answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        settings = Settings(
            kafka=address,
            clickhouse=f"http://{address}",
            gateway_url=f"http://{address}",
            data=tmp_path,
        )

        async def told() -> Status:
            async with asyncio.timeout(30):
                return await collect_status(settings, 0.3, 0.3)

        status = asyncio.run(told())

    assert list(status.parts) == ["gateway", "kafka", "clickhouse"]
    assert all("does not answer" in state for state in status.parts.values()), status.parts


class _Late(BaseHTTPRequestHandler):
    """Says at once that it lives, and nothing of whether it is ready until it is told to."""

    told = threading.Event()

    def do_GET(self) -> None:
        """Answer a question about its health."""
        if self.path == "/health/ready":
            self.told.wait(30)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


def test_a_gateway_that_waits_for_others_is_not_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While what it asks hangs, it is told that it lives."""

    def patient(url: str, *, timeout_seconds: float) -> Awaitable[Answer]:
        # What is answered at once may take a busy machine longer than what is not waited for.
        return ask(url, timeout_seconds=30 if url.endswith("/live") else timeout_seconds)

    monkeypatch.setattr("operations.status.ask", patient)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Late) as server, socket.create_server(("127.0.0.1", 0)) as silent:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        gateway = f"http://127.0.0.1:{server.server_port}"
        settings = Settings(kafka=address, clickhouse=f"http://{address}", gateway_url=gateway, data=tmp_path)
        try:
            status = asyncio.run(collect_status(settings, 1, 1))
        finally:
            _Late.told.set()
            server.shutdown()
            thread.join()

    assert status.parts["gateway"] == "ok"
    assert ["gateway lives" in note for note in status.notes] == [True]


@pytest.mark.parametrize(
    ("parts", "healthy"),
    [
        ({"gateway": "ok", "kafka": "ok"}, True),
        ({"gateway": "ok", "kafka": "does not answer"}, False),
        ({}, False),
    ],
)
def test_a_system_is_healthy_if_every_part_is(parts: dict[str, str], *, healthy: bool) -> None:
    """One part that does not work, or nothing known, and it is not."""
    assert Status(parts=parts).healthy is healthy


def test_scripts_get_plain_values() -> None:
    """The page as JSON has all of it, with the verdict."""
    error = {"at": "2026-01-01 00:00:00.000", "webhook": "7", "verdict": "error", "text": "no slug"}
    lag = Lag("group", "topic", 3, 1.5, (PartitionLag(7, 3, 1.5),))
    status = Status({"kafka": "ok"}, [lag], {"raw": 5}, error, {"sink": Restarts(2, "exit code 1")}, ["so"])

    assert orjson.loads(orjson.dumps(status.as_json())) == {
        "parts": {"kafka": "ok"},
        "lag": [
            {
                "group": "group",
                "topic": "topic",
                "lag": 3,
                "seconds": 1.5,
                "partitions": [{"partition": 7, "lag": 3, "seconds": 1.5}],
                "kept_seconds": None,
            }
        ],
        "rows": {"raw": 5},
        "last_error": error,
        "restarts": {"sink": {"count": 2, "last": "exit code 1"}},
        "notes": ["so"],
        "processes": [],
        "disk": None,
        "table_bytes": None,
        "healthy": True,
    }
