"""Who is stuck is told once an episode, by docs/insights.md's rule."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from schemas.times import sql_time
from schemas.wire.forwarding import Episode
from schemas.wire.topics import Topics
from sinks.forward.watch import Watch
from tests.chaos.kafka import produce, read_all
from tests.support.forwarding import ForwardBench
from tests.support.plain_http import PLAIN
from tests.support.sink import SinkBench, fact, insert
from tests.support.waiting import aeventually
from tests.support.webhook_receiver import receiver

if TYPE_CHECKING:
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


def attempt(item: int, minutes: int, *, well: bool = False, user: int = 7, **columns: Any) -> dict[str, Any]:
    """A compilation of a student so many minutes ago."""
    at = sql_time(time.time_ns() // 1_000_000 - minutes * 60_000)
    who = {"user_id": user, "actor": str(user), "step_slug": "01-for", "asset_slug": "loops"}
    return fact(item, occurred_at=at, succeeded=well, exit_code=int(not well), **{**who, **columns})


async def test_who_is_stuck_is_told_once_an_episode(
    settings: SettingsFactory, processes: Processes, tmp_path: Path, clickhouse: Client
) -> None:
    """Whoever else looks, and over a restart; told anew when something went well in between."""
    own = settings(partitions=2)
    await SinkBench(own, processes, tmp_path).setup()
    events = f"{own.database}_g1.events"

    def happens(*facts: dict[str, Any]) -> None:
        insert(clickhouse, events, list(facts))

    with receiver() as receiving, receiver() as another:
        bench, others = (ForwardBench(own, processes, tmp_path, one) for one in (receiving, another))
        for one in (bench, others):
            one.environment |= {"TELEMETRY_FORWARD_KINDS": "stuck", "TELEMETRY_FORWARD_STUCK_SECONDS": "1"}
        first = await bench.start()
        await others.start("chat")
        # Two failures only; three, but completed; three of nobody; and a success between.
        happens(*(attempt(item, 20, user=1, webhook_id=item) for item in (1, 2)))
        happens(*(attempt(item, 20, user=2) for item in (3, 4, 5)), attempt(6, 19, user=2, event="complete_step"))
        happens(*(attempt(item, 20, actor="telemetry:x", user_id=None) for item in (7, 8, 9)))
        happens(*(attempt(10 + item, 20 - item, user=3, well=item == 1) for item in range(4)))
        happens(*(attempt(item, 30 - item, error_type="TypeError") for item in (20, 21, 22)))

        (told,) = await bench.until_taken(1)
        await others.until_taken(1)

        assert told.kind == "student.stuck"
        assert (told.data["user_id"], told.data["step_slug"], told.data["failures"]) == (7, "01-for", 3)
        assert told.data["last_error"] == {"event": "compile", "kind": "TypeError", "exit_code": 1}
        assert first.terminate() == 0
        happens(attempt(23, 6))
        await bench.start()
        await _looked(bench)
        happens(attempt(24, 4, well=True), *(attempt(item, 28 - item) for item in (25, 26, 27)))

        await bench.until_taken(2)
        await others.until_taken(2)
        for posts in (receiving.posts, another.posts):
            assert [post.data["user_id"] for post in posts] == [7, 7]
            assert len({post.id for post in posts}) == 2
        episodes = await read_all(own.kafka, bench.topics.stuck, 1)
        assert len(episodes[0]) == 2


async def test_a_try_of_which_nobody_knows_how_it_went_ends_no_rest(
    settings: SettingsFactory, processes: Processes, tmp_path: Path, clickhouse: Client
) -> None:
    """After two hours without a failure it is another episode, whatever else was done meanwhile."""
    own = settings(partitions=2)
    await SinkBench(own, processes, tmp_path).setup()
    last = time.time_ns() // 1_000_000 - 210 * 60_000
    before = Episode(
        user_id=7,
        actor="7",
        asset_slug="loops",
        step_slug="01-for",
        step_position=1,
        failures=3,
        questions=0,
        stuck_since=last - 60_000,
        last_failure=last,
        last_error={},
        told_at=last + 60_000,
    )
    topic = Topics.of(own).stuck
    await produce(own.kafka, topic, [(0, b"key", before.encode(), [])])
    facts = [attempt(item, 40 - item) for item in (10, 11, 12)]
    unknown = attempt(5, 120) | {"succeeded": None, "exit_code": None}
    insert(clickhouse, f"{own.database}_g1.events", [attempt(1, 211), attempt(2, 210), unknown, *facts])
    watch = Watch(own, lambda: True)
    try:
        # The second tells nobody again.
        await watch._look()  # noqa: SLF001 - what `run` does again and again
        await watch._look()  # noqa: SLF001 - as above
    finally:
        watch.close()

    assert len((await read_all(own.kafka, topic, 1))[0]) == 2


async def _looked(bench: ForwardBench) -> None:
    """Wait until a forwarder that has begun has asked who is stuck, by the figure that says so."""
    port = bench.metrics_port

    def asked() -> bool:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", verify=PLAIN).text
        (seen,) = re.findall(r"^telemetry_forward_stuck_looked_timestamp_seconds (\S+)$", text, re.MULTILINE)
        return float(seen) > 0

    await aeventually(lambda: asyncio.to_thread(asked), 60, "a look")
