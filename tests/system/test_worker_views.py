"""Reference views follow their topics: complete at the start, current within two seconds, deaf to bad records."""

from __future__ import annotations

import asyncio
import itertools
from functools import partial
from typing import TYPE_CHECKING

import orjson
import pytest

from schemas.reference.lookup import Reference
from schemas.wire.topics import Topics
from streams.views import BadReference, ReferenceFollower
from tests.chaos.kafka import create_topics, lines, produce
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
            await aeventually(partial(_has_rules, view, count), 60, "the rules to be in force")
    finally:
        await follower.stop()


def _dead_letters(bench: Bench, topic: str, count: int) -> bool:
    return len(bench.read(topic)) >= count


async def _has_rules(view: Reference, count: int) -> bool:
    return len(list(view.records("ignore-rules"))) == count


async def test_a_bad_record_leaves_the_last_good_value(settings: SettingsFactory) -> None:
    """Rules that do not validate, of an unknown shape or no JSON at all are reported and change nothing."""
    own = settings(partitions=1)
    topics, view, bad = await create_topics(own), Reference(), list[BadReference]()
    follower = ReferenceFollower(topics, own.kafka_options(), view, on_bad=bad.append)
    for value in (RULES, b'{"rules":3}', b'{"rule":[{"events":["compile"]}]}', b"\xff"):
        await put(own, topics.ignore_rules, b"1", value)
    await follower.start()
    try:
        await asyncio.wait_for(follower.complete.wait(), 30)
    finally:
        await follower.stop()

    assert [one.record.offset for one in bad] == [1, 2, 3]
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
        eventually(partial(_dead_letters, bench, topics.dead_letters, round_number + 2), 60, "dead letters")
        for worker in workers:
            worker.terminate()

    letters = bench.read(topics.dead_letters)
    assert [one.value for one in letters] == [b"no JSON", b"bad 0", b"bad 1"]
    assert all(dict(one.headers)["dead-letter-stage"] == b"reference" for one in letters)


def test_rules_on_the_topic_judge_what_a_running_worker_does_next(
    settings: SettingsFactory, processes: Processes, tmp_path: Path
) -> None:
    """A record is in force for the next webhooks; one of unknown shape is a dead letter and clears nothing."""
    bench = Bench(settings(partitions=1), processes, tmp_path)
    topics, moments = Topics.of(bench.settings), itertools.count(1_772_438_400_000, 1_000)
    bench.start(real=True).says("ready", 60)

    def verdict() -> str:
        """That of one more compilation in academy 1, which repeats none."""
        data = {"started_at": next(moments), "exit_code": 0}
        event = {"event": "compile", "slug": "01", "user_id": 5, "telemetry_id": "t", "package_slug": "p", "data": data}
        bench.send([orjson.dumps(event)], key=b"5", headers=[("academy", b"1")])
        bench.wait_until_done()
        return str(orjson.loads(lines(bench.read(topics.outcomes))[-1])["verdict"])

    assert verdict() == "stored"
    asyncio.run(put(bench.settings, topics.ignore_rules, b"1", RULES))
    eventually(lambda: verdict() == "ignored", 60, "the rule to be in force")
    asyncio.run(put(bench.settings, topics.ignore_rules, b"1", b'{"rule": []}'))
    eventually(partial(_dead_letters, bench, topics.dead_letters, 1), 60, "a dead letter")
    assert verdict() == "ignored"
    asyncio.run(put(bench.settings, topics.ignore_rules, b"1", None))
    eventually(lambda: verdict() == "stored", 60, "no rule to be in force")
