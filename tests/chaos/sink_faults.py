"""What is done to sinks under load, and to what they depend on."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

from tests.chaos.kafka import members
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    import random

    from clickhouse_connect.driver.client import Client

    from tests.chaos.sink_load import Load
    from tests.support.processes import Child
    from tests.support.sink import SinkBench

__all__ = ["freeze_past_session", "kill_in_turn", "ready", "refuse_inserts", "resident_bytes"]

_TABLES = ("events", "webhooks", "raw")
# More than the tokens that tables of these tests remember.
_BLOCKS = 4


async def ready(bench: SinkBench, name: str = "sink") -> None:
    """Wait until the sink of this name has partitions."""
    await aeventually(lambda: asyncio.to_thread(bench.ready_file(name).exists), 60, f"{name} ready")


async def kill_in_turn(bench: SinkBench, load: Load, kills: int, rnd: random.Random) -> Child:
    """Start a sink, let it live for a moment after it is ready, SIGKILL it, and so on; the last one lives."""
    for _ in range(kills):
        child = bench.start()
        await ready(bench)
        await load.grows(rnd.randint(1, 60))
        child.kill()
    child = bench.start()
    await ready(bench)
    return child


async def freeze_past_session(bench: SinkBench, client: Client, load: Load, child: Child, chunks: int) -> None:
    """SIGSTOP a sink until another one has taken over and stored so many chunks; then SIGCONT.

    The other one stores them in several blocks of each table. Returns once the first is a member of both groups again:
    what it had in hand it has sent or let go of by then.
    """
    child.freeze()
    bench.start(name="other")
    await ready(bench, "other")
    for group in (f"{bench.topics.prefix}sink.raw", f"{bench.topics.prefix}sink.g{bench.topics.generation}"):
        await aeventually(functools.partial(_alone, bench.settings.kafka, group), 60, f"one member of {group}")
    for _ in range(_BLOCKS):
        await load.grows(chunks / _BLOCKS)
        await _stored(client, bench.settings.database, load)
    before = child.output.count("assigned ")
    child.thaw()

    async def again() -> bool:
        return child.process.poll() is not None or child.output.count("assigned ") >= before + 2

    await aeventually(again, 60, "the woken sink in both groups")


async def _stored(client: Client, database: str, load: Load) -> None:
    """Wait until every table has what is committed now."""
    wanted = load.items, load.chunks, load.chunks

    async def there() -> bool:
        counts = (int(str(client.command(f"SELECT count() FROM {database}.{name}"))) for name in _TABLES)
        return all(count >= least for count, least in zip(counts, wanted, strict=True))

    await aeventually(there, 60, f"{wanted} rows of {_TABLES}")


async def _alone(kafka: str, group: str) -> bool:
    return await members(kafka, group) == 1


async def refuse_inserts(client: Client, load: Load, child: Child, database: str, setting: str) -> None:
    """Let ClickHouse refuse every insert into `events` by one of its own limits, until the sink has had to wait.

    Meanwhile the other tables must go on.
    """
    name, _, value = setting.partition("=")
    client.command(f"ALTER TABLE {database}_g1.events MODIFY SETTING {name} = {value}")

    async def waits() -> bool:
        return "an insert waits" in child.output

    await aeventually(waits, 60, "a sink that waits")
    await load.grows(50)
    wanted = load.chunks

    async def others_go_on() -> bool:
        return int(str(client.command(f"SELECT count() FROM {database}.webhooks"))) >= wanted

    await aeventually(others_go_on, 60, "the outcomes' rows")
    client.command(f"ALTER TABLE {database}_g1.events RESET SETTING {name}")


def resident_bytes(child: Child) -> int:
    """The memory that a process has resident now."""
    with open(f"/proc/{child.pid}/statm") as statm:  # noqa: PTH123 - no path of the project
        return int(statm.read().split()[1]) * 4096
