"""The raw topic is deleted with Kafka's tools: who notices, and how the log comes back with its ids."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiokafka.admin import NewTopic

from schemas.exits import ExitCode
from schemas.wire.topics import Topics
from streams.topic_watch import TopicWatch
from tests.chaos.kafka import admin, create_topics, produce
from tests.support.arrived import in_every_table
from tests.support.commands import as_environment, command
from tests.support.generations import Generation
from tests.support.raw_log import MARGIN, all_stored, ids, restored, send
from tests.support.waiting import aeventually
from tests.system.workers import Bench

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


async def delete(settings: Settings) -> None:
    """Delete the raw topic and wait until it is gone."""
    raw = Topics.of(settings).raw
    async with admin(settings.kafka) as client:
        await client.delete_topics([raw])

        async def gone() -> bool:
            return raw not in await client.list_topics()

        await aeventually(gone, 30, "the topic to be gone")


async def make_anew(settings: Settings) -> None:
    """Make a topic of the raw topic's name."""
    async with admin(settings.kafka) as client:
        await client.create_topics([NewTopic(Topics.of(settings).raw, settings.partitions, 1)])


def test_a_worker_ends_where_its_topic_was_made_anew(
    settings: SettingsFactory, processes: Processes, tmp_path: Path
) -> None:
    """It has worked on the old one; with the new one it says what happened and ends, and does not wait for ever."""
    own = settings(partitions=1)
    bench = Bench(own, processes, tmp_path)
    bench.send([b"{}"] * 3)
    worker = bench.start()
    bench.wait_until_done()

    asyncio.run(delete(own))
    asyncio.run(make_anew(own))

    assert worker.process.wait(60) == ExitCode.STATE_LOST
    assert "was deleted and made anew" in worker.output


async def test_a_topic_that_is_away_ends_nothing(settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look after look without the topic is no reason to end; the first one at a new topic is."""
    own, codes, looks = settings(partitions=1), list[ExitCode](), list[None]()
    topics = await create_topics(own)
    look = TopicWatch._look  # noqa: SLF001 - counted, for nothing else tells that nothing happened

    async def counted(self: TopicWatch) -> None:
        await look(self)
        looks.append(None)

    def end(code: ExitCode, *_message: Any, **_fields: Any) -> Any:
        codes.append(code)

    async def looked(count: int) -> bool:
        return len(looks) >= count

    async def ended() -> bool:
        return bool(codes)

    monkeypatch.setattr(TopicWatch, "_look", counted)
    watch = TopicWatch(topics.raw, own.kafka_options(), end, look_s=0.05)  # type: ignore[arg-type]  # returns
    await watch.start()
    try:
        await delete(own)
        enough = len(looks) + 3
        await aeventually(lambda: looked(enough), 60, "looks at nothing")
        assert codes == []
        await make_anew(own)
        await aeventually(ended, 60, "the end")
    finally:
        await watch.stop()
    assert codes[0] is ExitCode.STATE_LOST


def test_the_log_comes_back_and_ids_go_on(
    settings: SettingsFactory,
    processes: Processes,
    clickhouse: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`setup` makes no new topic but says the way out, as `status` and `doctor` do; that way keeps every webhook."""
    own = settings(partitions=2, webhook_retention_days=3650)
    first = Generation(own, processes, tmp_path)
    for name, value in as_environment(own).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TELEMETRY_WEBHOOK_RETENTION_DAYS", "3650")
    monkeypatch.setattr("operations.raw_log.target.MARGIN", MARGIN)
    first.setup()
    send(own, 60)
    first.start()
    # A record that was sent again stands for its first try, which the table does not keep.
    kept = [one for one in ids(own) if one[2] != b"no JSON"]
    all_stored(clickhouse, f"{own.database}_g1", "webhooks", len(kept))
    all_stored(clickhouse, own.database, "raw", len(kept))

    asyncio.run(delete(own))
    way = "learnpack-telemetry raw restore DIR webhooks.raw.2"
    refused = command("setup")
    assert (refused.code, way in refused.complaint) == (1, True), refused.err
    for looking in ("status", "doctor"):
        said = command(looking)
        assert way in " ".join(f"{said.out} {said.err}".split()), looking
    first.stop()

    for arguments in (
        ("archive", tmp_path / "archive", "--until", "2027-12-31"),
        ("raw", "restore", tmp_path / "archive", "webhooks.raw.2"),
    ):
        done = command(*arguments)
        assert done.code == 0, done.err
    again = restored(own, "webhooks.raw.2", generation=2)
    assert ids(again) == kept
    # A gateway brings what came meanwhile.
    fresh: list[Any] = [(part, b"7", b'{"slug": "new", "user_id": 7, "telemetry_id": "n"}', []) for part in (0, 1)]
    asyncio.run(produce(own.kafka, Topics.of(again).raw, fresh))
    second = Generation(again, processes, tmp_path)
    for name, value in second.environment.items():
        monkeypatch.setenv(name, value)
    second.setup()
    second.start()
    total = len(kept) + len(fresh)
    all_stored(clickhouse, f"{own.database}_g2", "webhooks", total)
    all_stored(clickhouse, own.database, "raw", total)
    in_every_table(again)

    switched = command("raw", "switch")

    assert switched.code == 0, switched.err
    assert len({one[0] for one in ids(again)}) == total
    second.stop()
