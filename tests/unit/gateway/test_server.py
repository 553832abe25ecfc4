"""The gateway's socket."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from deploy.local.resources import free_port
from gateway.addresses import Addresses
from gateway.connections import Connections
from gateway.server import BindError, listen, listen_together, serve
from tests.support.plain_http import PLAIN
from tests.support.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


async def application(_scope: Any, _receive: Any, send: Any) -> None:
    """Answers everything with one word."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})


@pytest.fixture
def taken() -> Iterator[str]:
    """An address on which somebody listens who would share it."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


async def test_it_answers_on_its_own_socket_and_nobody_else_does() -> None:
    """While a server listens a second one on its port is refused, and the first goes on."""
    listener = listen("127.0.0.1:0")
    bind = f"127.0.0.1:{listener.getsockname()[1]}"
    answers: list[str] = []

    async def beside() -> None:
        with pytest.raises(BindError, match=f"cannot listen on {bind}: Address already in use. Free the port"):
            listen(bind)
        async with httpx.AsyncClient(verify=PLAIN) as client:
            answers.append((await client.get(f"http://{bind}")).text)
        running.cancel()

    running = asyncio.ensure_future(
        serve(application, bind, listener, Connections(1, 100, Addresses()), once_listening=beside)
    )
    await asyncio.wait({running}, timeout=60)

    assert answers == ["here"]


def test_a_port_that_others_would_share_is_taken(taken: str) -> None:
    """A listener that set SO_REUSEPORT does not make the gateway share its port: requests would alternate."""
    with pytest.raises(BindError, match="Address already in use"):
        listen(taken)


def test_several_sockets_share_an_address_with_nobody_else(taken: str) -> None:
    """Nor do they join whoever listens there already, a gateway of several processes least of all."""
    with pytest.raises(BindError, match="Address already in use"):
        listen_together(taken, 2)
    bind = f"127.0.0.1:{free_port()}"
    both = listen_together(bind, 2)
    try:
        for another in (1, 2):
            with pytest.raises(BindError, match="Address already in use"):
                listen_together(bind, another)
        with pytest.raises(BindError, match="Address already in use"):
            listen(bind)
    finally:
        for listener in both:
            listener.close()


def test_an_address_of_no_machine_is_named() -> None:
    """An address that is not this machine's, or no address, is one clear line."""
    with pytest.raises(BindError, match=r"cannot listen on 192\.0\.2\.1:80: "):
        listen("192.0.2.1:80")


def test_the_process_ends_with_one_line(taken: str, tmp_path: Path) -> None:
    """A gateway on a busy port says so and ends with exit code 1, Kafka or not."""
    processes = Processes(tmp_path)
    try:
        gateway = processes.start(
            [sys.executable, "-m", "deploy.cli", "gateway"],
            {
                "TELEMETRY_GATEWAY_BIND": taken,
                "TELEMETRY_KAFKA": "127.0.0.1:1",
                "TELEMETRY_SPOOL": str(tmp_path / "spool"),
                "TELEMETRY_DATA": str(tmp_path),
            },
        )
        gateway.says(f"cannot listen on {taken}: Address already in use", 60)

        assert gateway.process.wait(30) == 1
    finally:
        processes.end_all()
