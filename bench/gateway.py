"""The gateway against its limit and its peers: `uv run python -m bench.gateway [--seconds 5] [--rounds 3]`.

Accepted webhooks per second with their latency, and megabytes of real documents per second, on a Kafka of its own. The
rounds take turns and each figure is the best one: whatever else the machine does can only slow a round down. CPU is
that of the server's processes alone, per request: it says what a machine with cores to spare could do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import httpx
import typer

from bench.page import run
from deploy.local.kafka import KafkaNode
from deploy.local.resources import free_port
from operations.tokens import CAPABILITIES, NewToken, grant
from operations.topics import setup_topics
from schemas.settings import Settings
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_SECONDS = 60
_TICKS = os.sysconf("SC_CLK_TCK")
_SERVERS = {
    "limit": "the server answering a constant",
    "gateway": "the gateway",
    "several": "the gateway of two processes",
    "usual": "FastAPI and aiokafka as usual",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """One round; `cpu` is the server's CPU time per request in microseconds."""

    rate: float
    megabytes: float
    p50: float
    p99: float
    cpu: float


def _cpu_seconds(pid: int) -> float:
    """What a process and those that it has forked have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(fields[11]) + int(fields[12])) / _TICKS + sum(_cpu_seconds(int(child)) for child in children)


@contextlib.contextmanager
def _server(name: str, settings: Settings) -> Iterator[tuple[int, int]]:
    """The port and the process id of a server."""
    port = free_port()
    if name in ("gateway", "several"):
        command = [sys.executable, "-m", "deploy.cli", "gateway", "--processes", "1" if name == "gateway" else "2"]
    else:
        command = [
            sys.executable,
            "-m",
            "bench.gateway_peers",
            name,
            str(port),
            settings.kafka,
            Topics.of(settings).raw,
        ]
    environment = {
        "TELEMETRY_KAFKA": settings.kafka,
        "TELEMETRY_TOPIC_PREFIX": settings.topic_prefix,
        "TELEMETRY_SPOOL": str(settings.spool / name),
        "TELEMETRY_GATEWAY_BIND": f"127.0.0.1:{port}",
        "TELEMETRY_RATE_LIMIT": "1000000000",
        "TELEMETRY_RATE_LIMIT_BYTES": "1000000000000",
        "TELEMETRY_INGEST_RATE_LIMIT": "1000000000",
        "TELEMETRY_INGEST_RATE_LIMIT_BYTES": "1000000000000",
    }
    process = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(20)


def _wait(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            answer = httpx.post(
                f"http://127.0.0.1:{port}/v1/assignment/me/telemetry",
                headers={"Authorization": "Token bench"},
                json={"slug": "s"},
            )
            if answer.text == "ok":
                return
        except httpx.HTTPError:
            pass
        if time.monotonic() > deadline:
            message = f"the server on port {port} did not answer `ok` within {_START_SECONDS} s"
            raise TimeoutError(message)
        time.sleep(0.1)


def _round(port: int, pid: int, kind: str, seconds: float, connections: int) -> Figures:
    order = {"port": port, "seconds": seconds, "connections": connections, "token": "bench", "kind": kind}
    before = _cpu_seconds(pid)
    done = subprocess.run(
        [sys.executable, "-m", "bench.gateway_load"],
        input=json.dumps(order),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=seconds + _START_SECONDS,
    )
    spent = _cpu_seconds(pid) - before
    told: dict[str, Any] = json.loads(done.stdout)
    if set(told["statuses"]) != {"200"}:
        message = f"not all requests were accepted: {told['statuses']}"
        raise RuntimeError(message)
    return Figures(
        told["requests"] / told["seconds"],
        told["bytes"] / told["seconds"] / 1e6,
        told["p50"] * 1e3,
        told["p99"] * 1e3,
        spent / told["requests"] * 1e6,
    )


def _table(kind: str, rounds: dict[str, list[Figures]]) -> None:
    limit = max(figures.rate for figures in rounds["limit"])
    least = min(figures.cpu for figures in rounds["limit"])
    print(f"\n| {kind} | webhooks/s | MB/s | p50 ms | p99 ms | of the limit | CPU µs each | limit's CPU / its CPU |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, figures in rounds.items():
        best = max(figures, key=lambda one: one.rate)
        cpu = min(one.cpu for one in figures)
        print(
            f"| {_SERVERS[name]} | {best.rate:,.0f} | {best.megabytes:.1f} | {best.p50:.1f} | {best.p99:.1f} "
            f"| {best.rate / limit:.2f} | {cpu:.0f} | {least / cpu:.2f} |"
        )


async def _prepare(settings: Settings) -> None:
    await setup_topics(settings)
    await grant(settings, NewToken(1, {1: CAPABILITIES}, datetime.now(UTC)), "bench")


def main(
    *,
    seconds: Annotated[float, typer.Option(help="Length of a round.")] = 5,
    rounds: Annotated[int, typer.Option(help="Rounds of each server.")] = 3,
    connections: Annotated[int, typer.Option(help="Connections of the load.")] = 64,
) -> None:
    """Measure and print Markdown tables."""
    with tempfile.TemporaryDirectory() as directory, KafkaNode(Path(directory) / "kafka") as node:
        settings = Settings(
            _env_file=None, kafka=node.bootstrap, topic_prefix="bench.", spool=Path(directory) / "spool"
        )
        asyncio.run(_prepare(settings))
        with contextlib.ExitStack() as running:
            servers = {name: running.enter_context(_server(name, settings)) for name in _SERVERS}
            for kind in ("events", "batches"):
                found: dict[str, list[Figures]] = {name: [] for name in servers}
                for _ in range(rounds):
                    for name, (port, pid) in servers.items():
                        found[name].append(_round(port, pid, kind, seconds, connections))
                _table(kind, found)


if __name__ == "__main__":
    run(main, "gateway")
