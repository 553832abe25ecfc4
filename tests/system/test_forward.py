"""Completions told over HTTP: each at least once under one id, in each student's order, whatever the receiver says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import TopicPartition

from broker import clients
from schemas.wire.dead_letters import LETTER
from schemas.wire.forwarding import FORWARD_TO
from tests.chaos.kafka import admin, committed, ends, produce, read_all
from tests.support.commands import command
from tests.support.forwarding import ForwardBench, in_order
from tests.support.waiting import aeventually
from tests.support.webhook_receiver import receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


@pytest.fixture
async def bench(settings: SettingsFactory, processes: Processes, tmp_path: Path) -> AsyncIterator[ForwardBench]:
    """Topics of two partitions, and a receiver that takes everything."""
    with receiver() as receiving:
        bench = ForwardBench(settings(partitions=2), processes, tmp_path, receiving)
        await bench.setup()
        yield bench
        assert receiving.unverified == []


async def test_each_completion_is_told_once_and_in_order(bench: ForwardBench) -> None:
    """Signed, in the student's order; a forwarder that is started again tells nothing again."""
    await bench.tell(1, 2, 1, 3)
    first = await bench.start()
    await bench.tell(2, 1)

    posts = await bench.until_taken(6)
    await bench.until_committed()
    assert first.terminate() == 0
    await bench.start()
    # One of each partition, behind all that could be told again.
    await bench.tell(4, 5)
    await bench.until_taken(8)
    await bench.until_committed()

    assert in_order(posts) == {"1": [1, 3, 6], "2": [2, 5], "3": [4]}
    assert len(bench.receiver.posts) == len({post.id for post in bench.receiver.posts}) == 8
    assert {post.kind for post in bench.receiver.posts} == {"tutorial.completed"}


async def test_a_record_of_somebody_else_holds_up_nobody(bench: ForwardBench) -> None:
    """Also one with neither key nor value: each becomes a dead letter as it was, and what is behind it is told."""
    topic, foreign = bench.topics.completions, [(None, None), (b"1:loops", None), (b"1", b"{}")]
    async with clients.opened(clients.producer(bench.settings.kafka_options())) as producer:
        for key, value in foreign:
            await producer.send_and_wait(topic, value, key, partition=1)
    await bench.tell(1)
    forwarder = await bench.start()

    posts = await bench.until_taken(1)
    await bench.until_committed()
    letters = await read_all(bench.settings.kafka, bench.topics.dead_letters, 2)

    assert in_order(posts) == {"1": [1]}
    found = sorted((one for part in letters for one in part), key=lambda one: int(dict(one.headers)[f"{LETTER}offset"]))
    assert [(one.key, one.value) for one in found] == foreign
    assert forwarder.terminate() == 0
    assert "Traceback" not in forwarder.output


async def test_one_students_refusal_holds_up_nobody_else(bench: ForwardBench) -> None:
    """Also when the forwarder is killed: its successor tells what was refused, under the same id, and nothing else."""
    refused = 1
    bench.receiver.answer = lambda data: 500 if data["user_id"] == refused else 200
    first = await bench.start()
    await bench.tell(1, 3, 2, 1, 3)

    await bench.until_taken(3)
    tried = await _first_id(bench, 500)
    # What is settled is committed, though what is before it is not: of each partition when its answers are there.
    await _until_open(bench, 2)
    await _until_nothing_open(bench)
    first.kill()
    bench.receiver.posts.clear()
    refused = 0
    await bench.start()
    await bench.until_taken(2)
    await bench.until_committed()

    assert in_order(bench.receiver.posts) == {"1": [1, 4]}
    assert bench.receiver.posts[0].id == tried


async def _first_id(bench: ForwardBench, status: int) -> str:
    async def refused() -> str | None:
        return next((post.id for post in bench.receiver.posts if post.status == status), None)

    return str(await aeventually(refused, 30, f"an answer of {status}"))


async def _until_open(bench: ForwardBench, count: int) -> None:
    """Wait until the metadata of the committed offset of partition 1 name so many that are open."""
    source = TopicPartition(bench.topics.completions, 1)

    async def named() -> bool:
        async with admin(bench.settings.kafka) as client:
            found = await client.list_consumer_group_offsets(bench.topics.forward_group("lms"))
        known = found[source].metadata.split(";")[3] if source in found else ""
        return len(known.split(",")) == count and known != ""

    await aeventually(named, 30, f"{count} open in the metadata")


async def _until_nothing_open(bench: ForwardBench) -> None:
    """Wait until all of partition 0 is committed."""
    kafka, topic, group = bench.settings.kafka, bench.topics.completions, bench.topics.forward_group("lms")

    async def all_of_it() -> bool:
        done, there = await asyncio.gather(committed(kafka, group, topic, 1), ends(kafka, topic, 1))
        return done[0] >= there[0]

    await aeventually(all_of_it, 30, "partition 0 committed")


async def test_a_receiver_that_is_away_gets_everything_when_it_is_back(bench: ForwardBench) -> None:
    """What nobody answered, and what was told to come later, is told again under its id."""
    child = await bench.start()
    bench.receiver.answer = lambda _: 503
    bench.receiver.headers["Retry-After"] = "1"
    await bench.tell(1, 2, 3)
    await _first_id(bench, 503)
    assert not bench.receiver.taken()

    bench.receiver.answer = lambda _: 200
    posts = await bench.until_taken(3)
    await bench.until_committed()

    child.says("the receiver takes messages again")
    assert in_order(posts) == {"1": [1], "2": [2], "3": [3]}


async def test_resume_asks_a_receiver_that_wanted_to_be_left_alone(
    bench: ForwardBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, though nothing was paused and the receiver has asked for hours."""
    for name, value in _environment(bench).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(bench.directory)
    child = await bench.start()
    bench.receiver.answer = lambda _: 503
    bench.receiver.headers["Retry-After"] = "20000"
    await bench.tell(1, 2)
    # It has to have heard that: heard after the resumption, it would leave the receiver alone again.
    await asyncio.to_thread(child.says, "the receiver takes nothing")

    bench.receiver.answer = lambda _: 200
    await asyncio.to_thread(command, "forward", "resume")

    assert in_order(await bench.until_taken(2)) == {"1": [1], "2": [2]}


async def test_gone_pauses_until_somebody_goes_on(bench: ForwardBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a restart, and said by `forward status`; then everything is told."""
    for name, value in _environment(bench).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(bench.directory)
    bench.receiver.answer = lambda _: 410
    first = await bench.start()
    await bench.tell(1)
    first.says("the receiver wants nothing any more")
    assert first.terminate() == 0
    bench.receiver.answer = lambda _: 200
    second = await bench.start()
    second.says("the forwarder is paused")
    await bench.tell(2)

    shown = await asyncio.to_thread(command, "forward", "status", "--json")
    (one,) = orjson.loads(shown.out)
    assert (one["name"], one["members"]) == ("lms", 1)
    assert "410" in one["pause"]["reason"]
    assert not bench.receiver.taken()
    gone_on = await asyncio.to_thread(command, "forward", "resume")
    assert gone_on.out == "The forwarder lms goes on.\n"

    assert in_order(await bench.until_taken(2)) == {"1": [1], "2": [2]}
    misspelt = await asyncio.to_thread(command, "forward", "pause", "--name", "lsm")
    assert misspelt.out.startswith("No forwarder lsm has begun (those that have begun: lms)")
    paused = await asyncio.to_thread(command, "forward", "pause", "--reason", "mending")
    assert paused.out == "The forwarder lms is paused; what waits stays in Kafka.\n"
    second.says("mending")


def _environment(bench: ForwardBench) -> dict[str, str]:
    return {"TELEMETRY_KAFKA": bench.settings.kafka, "TELEMETRY_TOPIC_PREFIX": bench.settings.topic_prefix}


async def test_what_is_not_taken_for_long_becomes_a_dead_letter(bench: ForwardBench) -> None:
    """So does what is no completion; that student's next are told then, and what is meant for another is not."""
    bench.environment["TELEMETRY_FORWARD_GIVE_UP_HOURS"] = "0.0003"
    bench.receiver.answer = lambda data: 422 if data["tasks"] == [1] else 200
    await produce(bench.settings.kafka, bench.topics.completions, [(1, b"soup", b"soup", [])])
    await bench.tell(1, 1)
    meant = [(FORWARD_TO, b"chat")]
    other = orjson.dumps({"actor": "9", "asset_slug": "loops", "tasks": [99], "completed_at": 1})
    await produce(bench.settings.kafka, bench.topics.completions, [(1, b"9:loops", other, meant)])
    await bench.start()

    assert in_order(await bench.until_taken(1)) == {"1": [2]}
    await bench.until_committed()

    letters = [one for part in await read_all(bench.settings.kafka, bench.topics.dead_letters, 2) for one in part]
    told = {headers[f"{LETTER}offset"]: headers for headers in map(_headers, letters)}
    assert len(letters) == len(told) == 2
    assert {headers[f"{LETTER}stage"] for headers in told.values()} == {"forward-lms"}
    reasons = sorted(headers[f"{LETTER}reason"] for headers in told.values())
    assert reasons[0].startswith("it is no JSON")
    assert reasons[1].startswith("not taken in ")
    assert reasons[1].endswith("the last: HTTP 422")


def _headers(record: Any) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}
