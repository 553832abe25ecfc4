"""Reference views follow their topics: complete at the start, current within two seconds, deaf to bad records."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import orjson
import pytest

from schemas.reference import Reference
from schemas.topics import Topics
from streams.views import BadReference, ReferenceFollower
from tests.chaos.kafka import create_topics, produce
from tests.support.waiting import aeventually, eventually
from tests.system.workers import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system

RULES = b'{"rules":[{"events":["compile"]}]}'


async def put(settings: Settings, topic: str, key: bytes | None, value: bytes | None) -> None:
    """Append one reference record."""
    await produce(settings.kafka, topic, [(0, key, value, [])])


async def test_the_view_is_complete_before_it_says_so_and_current_at_once(settings: SettingsFactory) -> None:
    """What was there at the start is applied first; a change and a tombstone are in force within two seconds."""
    own = settings(partitions=1)
    topics, view = await create_topics(own), Reference()
    for number in range(300):
        await put(own, topics.assets, b"%d" % number, orjson.dumps({"id": number, "slug": f"course-{number}"}))
    follower = ReferenceFollower(topics, own.kafka_options(), view)
    await follower.start()
    try:
        await asyncio.wait_for(follower.complete.wait(), 30)
        assert len(list(view.records("assets"))) == 300

        for value, count in ((RULES, 1), (None, 0)):
            await put(own, topics.ignore_rules, b"1", value)
            await aeventually(partial(_has_rules, view, count), 10, "the rules to be in force")
    finally:
        await follower.stop()


def _dead_letters(bench: Bench, topic: str, count: int) -> bool:
    return len(bench.read(topic)) >= count


async def _has_rules(view: Reference, count: int) -> bool:
    return len(list(view.records("ignore-rules"))) == count


async def test_a_bad_record_leaves_the_last_good_value(settings: SettingsFactory) -> None:
    """Rules that do not validate and bytes that are no JSON are reported and change nothing."""
    own = settings(partitions=1)
    topics, view, bad = await create_topics(own), Reference(), list[BadReference]()
    follower = ReferenceFollower(topics, own.kafka_options(), view, on_bad=bad.append)
    for key, value in ((b"1", RULES), (b"1", b'{"rules":3}'), (b"1", b"\xff")):
        await put(own, topics.ignore_rules, key, value)
    await follower.start()
    try:
        await asyncio.wait_for(follower.complete.wait(), 30)
    finally:
        await follower.stop()

    assert [one.record.offset for one in bad] == [1, 2]
    assert all(one.reason for one in bad)
    ((key, value),) = view.records("ignore-rules")
    assert key == b"1"
    assert orjson.loads(value) == orjson.loads(RULES)


def test_bad_records_are_dead_lettered_once_whoever_starts(
    settings: SettingsFactory, processes: Processes, tmp_path: Path
) -> None:
    """Two workers, started twice, leave one dead letter for each bad record, also for one that comes later."""
    bench = Bench(settings(partitions=2), processes, tmp_path)
    topics = Topics.of(bench.settings)
    asyncio.run(put(bench.settings, topics.ignore_rules, b"1", b"no JSON"))
    for round_number in range(2):
        workers = [bench.start(f"worker-{number}") for number in range(2)]
        for worker in workers:
            worker.says("ready", 60)
        asyncio.run(put(bench.settings, topics.users, b"7", b"bad %d" % round_number))
        eventually(partial(_dead_letters, bench, topics.dead_letters, round_number + 2), 30, "dead letters")
        for worker in workers:
            worker.terminate()

    letters = bench.read(topics.dead_letters)
    assert [one.value for one in letters] == [b"no JSON", b"bad 0", b"bad 1"]
    assert all(dict(one.headers)["dead-letter-stage"] == b"reference" for one in letters)
