"""How soon a webhook can be read, and what it costs: `uv run python -m bench.freshness [--rates 100,1000]`.

The whole system as `up` runs it; webhooks are posted at a steady rate, and the time from the POST until a SELECT finds
the fact is taken for each. Then they are posted for as long again while nobody asks, and the processor time of each
part is counted, and the inserts and transactions.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import aiokafka
import clickhouse_connect
import typer
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from bench.page import run
from bench.posting import Posted, Poster, find
from bench.up import PARTS, processor_seconds, system
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["Freshness", "measure"]

_REST_SECONDS: Final = 30
_POLL_SECONDS: Final = 0.05
# Seldom enough to cost nothing beside what is measured.
_LOOK_SECONDS: Final = 0.5
# A fresh broker compiles its code while it serves the first webhooks: a fifth of a core for as long.
_WARM_UP_SECONDS: Final = 60
# All of it comes with one token.
_UNLIMITED: Final = {"TELEMETRY_RATE_LIMIT": "1000000", "TELEMETRY_RATE_LIMIT_BYTES": "10000000000"}


@dataclass(slots=True)
class Freshness:
    """What was found at a rate.

    Attributes:
        posted: What was sent while SELECTs looked for it.
        seconds: For each fact that was found, from its POST on.
        counted: What was sent while the cost was counted.
        window: Seconds from the first of these POSTs until every fact was stored.
        cost: Seconds of processor in the window, by part.
        inserts: Inserts into ClickHouse in the window, each of one block into one table.
        transactions: Of the worker in the window.
    """

    posted: Posted = field(default_factory=Posted)
    seconds: list[float] = field(default_factory=list)
    counted: Posted = field(default_factory=Posted)
    window: float = 0.0
    cost: dict[str, float] = field(default_factory=dict)
    inserts: int = 0
    transactions: int = 0

    def row(self, rate: int) -> str:
        """A row of the table: seconds at the median, at 99 % and at worst."""
        cuts = statistics.quantiles(self.seconds, n=100) if len(self.seconds) > 1 else [float("nan")] * 99
        worst = max(self.seconds, default=float("nan"))
        return (
            f"| {rate:,} | {self.posted.asked:,} | {self.posted.answered:,} | "
            f"{cuts[49]:.2f} s | {cuts[98]:.2f} s | {worst:.2f} s |"
        )

    def costs(self, rate: int) -> str:
        """A row of the other table: processor milliseconds a webhook, and a second's inserts and transactions."""
        each = [self.cost[part] / max(self.counted.asked, 1) * 1e3 for part in PARTS]
        parts = " | ".join(f"{one:.2f}" for one in (*each, sum(each)))
        window = self.window or float("nan")
        return f"| {rate:,} | {parts} | {self.inserts / window:.1f} | {self.transactions / window:.1f} |"


def measure(directory: Path, rate: int, seconds: float, warm_up: float = _WARM_UP_SECONDS) -> Freshness:
    """Start the system in a directory, post so many webhooks a second for so long after the warm-up, and stop it."""
    with system(directory, **_UNLIMITED) as (pid, env):
        return asyncio.run(_measure(pid, env, rate, (warm_up, seconds)))


async def _measure(pid: int, env: dict[str, str], rate: int, lengths: tuple[float, float]) -> Freshness:
    found = Freshness()
    client = clickhouse_connect.get_client(dsn=env["TELEMETRY_CLICKHOUSE"], autogenerate_session_id=False)
    poster = Poster(env["TELEMETRY_GATEWAY_URL"], env["TELEMETRY_TOKEN"])
    await poster.connect()
    over = asyncio.Event()
    warm, most = (int(rate * length) for length in lengths)
    await poster.post(range(warm), rate, Posted())
    watching = asyncio.create_task(
        find(client, "telemetry_g1.events", found.posted, found.seconds, over, pause=_POLL_SECONDS)
    )
    await poster.post(range(warm, warm + most), rate, found.posted)
    deadline = time.monotonic() + _REST_SECONDS
    while len(found.seconds) < found.posted.answered and time.monotonic() < deadline:  # noqa: ASYNC110 - a deadline
        await asyncio.sleep(_POLL_SECONDS)
    over.set()
    await watching

    facts = _facts(client)
    inserts, transactions = _inserts(client), await _transactions(env["TELEMETRY_KAFKA"])
    cost, began = processor_seconds(pid), time.monotonic()
    await poster.post(range(warm + most, warm + 2 * most), rate, found.counted)
    deadline = time.monotonic() + _REST_SECONDS
    while _facts(client) < facts + found.counted.answered and time.monotonic() < deadline:  # noqa: ASYNC110 - a deadline
        await asyncio.sleep(_LOOK_SECONDS)
    found.window = time.monotonic() - began
    found.cost = {part: used - cost[part] for part, used in processor_seconds(pid).items()}
    found.inserts = _inserts(client) - inserts
    found.transactions = await _transactions(env["TELEMETRY_KAFKA"]) - transactions
    client.close()
    return found


def _facts(client: Client) -> int:
    """How many facts are stored."""
    return int(str(client.command("SELECT uniqExact(item_id) FROM telemetry_g1.events")))


def _inserts(client: Client) -> int:
    """How many inserts the engine has done so far."""
    return int(str(client.command("SELECT sum(value) FROM system.events WHERE event = 'InsertQuery'")))


async def _transactions(kafka: str) -> int:
    """How many transactions the worker has committed so far.

    Each writes one record of outcomes (as long as they fit into one) and the marker behind it.
    """
    topic = Topics().outcomes
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    (described,) = await admin.describe_topics([topic])
    await admin.close()
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    partitions = [TopicPartition(topic, one["partition"]) for one in described["partitions"]]
    ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    await consumer.stop()
    return sum(ends.values()) // 2


def main(
    rates: Annotated[str, typer.Option(help="Webhooks a second, one or more.")] = "100,1000",
    seconds: Annotated[float, typer.Option(help="How long each rate is measured.")] = 20,
    warm_up: Annotated[float, typer.Option(help="How long it is kept up before that.")] = _WARM_UP_SECONDS,
) -> None:
    """Measure."""
    found: dict[int, Freshness] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        for rate in map(int, rates.split(",")):
            found[rate] = measure(Path(name) / f"up-{rate}", rate, seconds, warm_up)
    print("From the POST until a SELECT finds the fact:\n")
    print("| webhooks/s | asked | answered | p50 | p99 | slowest |\n| ---: | ---: | ---: | ---: | ---: | ---: |")
    for rate, each in found.items():
        print(each.row(rate))
    print("\nProcessor time a webhook, in ms, without the load's own, and what is done in a second:\n")
    print(f"| webhooks/s | {' | '.join(PARTS)} | all | inserts/s | transactions/s |")
    print("| ---: |" + " ---: |" * (len(PARTS) + 3))
    for rate, each in found.items():
        print(each.costs(rate))


if __name__ == "__main__":
    run(main, "freshness")
