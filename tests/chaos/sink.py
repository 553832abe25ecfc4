"""The long form of the sink's chaos tests: `uv run python -m tests.chaos.sink [--kills 20] [--away 60] [--seed 1]`.

Starts a Kafka and a ClickHouse of its own, kills the sink, takes ClickHouse away and kills it, freezes a sink, all
under load, and prints what the tables then hold; exits with 1 if anything was lost or doubled.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import clickhouse_connect
import typer
from rich.console import Console

from deploy.local.clickhouse import ClickHouseServer
from deploy.local.kafka import KafkaNode
from schemas.settings import Settings
from tests.chaos.sink_faults import freeze_past_session, kill_in_turn, ready, resident_bytes
from tests.chaos.sink_load import Load, check
from tests.support.processes import Processes
from tests.support.sink import SinkBench

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PARTITIONS = 8


class Arena:
    """Servers, a sink's topics and tables, and the faults of the long form."""

    def __init__(self, directory: Path, node: KafkaNode, server: ClickHouseServer, seed: int) -> None:
        """Use running servers; `directory` takes the processes' logs."""
        self.server = server
        self.random = random.Random(seed)  # noqa: S311 - repeatable
        directory.mkdir()
        self.processes = Processes(directory)
        name = f"c{uuid.uuid4().hex[:8]}"
        settings = Settings(
            _env_file=None,
            kafka=node.bootstrap,
            clickhouse=server.url,
            database=name,
            topic_prefix=f"{name}.",
            partitions=_PARTITIONS,
        )
        self.bench = SinkBench(settings, self.processes, directory)

    async def run(self, fault: Callable[[Arena, Load], Awaitable[str]]) -> str:
        """Load, do it, and check; what there is to tell."""
        await self.bench.setup()
        try:
            async with Load(self.bench).running() as load:
                told = await fault(self, load)
            client = clickhouse_connect.get_client(dsn=self.server.url, autogenerate_session_id=False)
            await check(client, self.bench, load)
            client.close()
        finally:
            self.processes.end_all()
        return f"{load.items} facts and {load.chunks} webhooks exactly once; {told}"


async def _kills(arena: Arena, load: Load, kills: int) -> str:
    await kill_in_turn(arena.bench, load, kills, arena.random)
    return f"{kills} kills of the sink"


async def _away(arena: Arena, load: Load, seconds: float) -> str:
    child = arena.bench.start()
    await ready(arena.bench)
    await load.grows(50)
    before = resident_bytes(child)
    arena.server.kill()
    await asyncio.sleep(seconds)
    grown = resident_bytes(child) - before
    await asyncio.to_thread(arena.server.start)
    await load.grows(50)
    moved = child.output.count("assigned ") - 2
    return f"ClickHouse away for {seconds:g} s, {moved} rebalances, memory up by {grown / 2**20:.0f} MiB"


async def _killed_in_mid_insert(arena: Arena, load: Load, kills: int) -> str:
    arena.bench.start()
    await ready(arena.bench)
    for _ in range(kills):
        await load.grows(arena.random.randint(1, 30))
        arena.server.kill()
        await asyncio.to_thread(arena.server.start)
    return f"{kills} kills of ClickHouse"


async def _frozen(arena: Arena, load: Load) -> str:
    child = arena.bench.start()
    await ready(arena.bench)
    await load.grows(50)
    client = clickhouse_connect.get_client(dsn=arena.server.url, autogenerate_session_id=False)
    with closing(client):
        await freeze_past_session(arena.bench, client, load, child, 500)
    await load.grows(100)
    return "a sink frozen past its session"


def main(
    kills: Annotated[int, typer.Option(help="How often the sink, and then ClickHouse, is killed.")] = 20,
    away: Annotated[float, typer.Option(help="Seconds without ClickHouse.")] = 60,
    seed: Annotated[int, typer.Option(help="Seed of the moments.")] = 1,
) -> None:
    """Run the trials."""
    console, failed = Console(), 0
    trials: dict[str, Callable[[Arena, Load], Awaitable[str]]] = {
        "killed sinks": lambda arena, load: _kills(arena, load, kills),
        "ClickHouse away": lambda arena, load: _away(arena, load, away),
        "killed ClickHouse": lambda arena, load: _killed_in_mid_insert(arena, load, max(1, kills // 2)),
        "frozen sink": _frozen,
    }
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        node = KafkaNode(directory / "kafka")
        stack.callback(node.kill)
        server = ClickHouseServer(directory / "clickhouse", user="telemetry", password=uuid.uuid4().hex)
        stack.callback(server.kill)
        node.start()
        server.start()
        for name, trial in trials.items():
            started = time.monotonic()
            try:
                told = asyncio.run(Arena(directory / name.replace(" ", "-"), node, server, seed).run(trial))
            except AssertionError as error:
                failed += 1
                told = f"[red]{error}[/red]"
            console.print(f"{name} (seed {seed}, {time.monotonic() - started:.0f} s): {told}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    typer.run(main)
