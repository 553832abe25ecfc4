"""What `forward status` and the forwarder's metrics say that waits: messages that would still be told, no offsets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from broker import clients
from broker.topic_ids import topic_ids
from operations.forwarding import forwarders
from operations.untold import MOST_READ
from schemas.wire.forwarding import FORWARD_TO
from tests.chaos.kafka import produce, transact
from tests.support.commands import command
from tests.support.forwarding import ForwardBench, completed
from tests.support.metrics import sample, scrape
from tests.support.waiting import aeventually
from tests.support.webhook_receiver import receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


@pytest.fixture
async def bench(
    settings: SettingsFactory, processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ForwardBench]:
    """Topics of two partitions, a receiver that takes everything, and commands that find the topics."""
    with receiver() as receiving:
        bench = ForwardBench(settings(partitions=2), processes, tmp_path, receiving)
        await bench.setup()
        monkeypatch.setenv("TELEMETRY_KAFKA", bench.settings.kafka)
        monkeypatch.setenv("TELEMETRY_TOPIC_PREFIX", bench.settings.topic_prefix)
        monkeypatch.chdir(tmp_path)
        yield bench


async def _shown(bench: ForwardBench) -> dict[str, Any]:
    """What `forward status --json` says of the completions of its one forwarder."""
    (one,) = orjson.loads((await asyncio.to_thread(command, "forward", "status", "--json")).out)
    (lag,) = [lag for lag in one["lag"] if lag["topic"] == bench.topics.completions]
    return {"lag": lag["lag"], "partitions": {part["partition"]: part["lag"] for part in lag["partitions"]}}


async def _begun_at(bench: ForwardBench, offset: int, name: str = "lms", behind: str = "", topic: str = "") -> None:
    """Commit, as a forwarder that has told what is before an offset of partition 0; its metadata say what `behind`."""
    client = clients.consumer(bench.settings.kafka_options(), group_id=bench.topics.forward_group(name))
    source = TopicPartition(topic or bench.topics.completions, 0)
    ids = await topic_ids(bench.settings.kafka_options(), [source.topic])
    async with clients.opened(client):
        client.assign([source])
        await client.commit({source: OffsetAndMetadata(offset, behind and f"1;{ids[source.topic]};{behind}")})


async def test_each_message_that_waits_is_one(bench: ForwardBench) -> None:
    """Of a paused forwarder and of one that does not run: three, in as many transactions, and no marker of these."""
    child = await bench.start()
    await asyncio.to_thread(command, "forward", "pause")
    child.says("the forwarder is paused")
    for student in (1, 2, 1):
        await bench.tell(student)

    assert await _shown(bench) == {"lag": 3, "partitions": {0: 1, 1: 2}}
    assert child.terminate() == 0
    assert await _shown(bench) == {"lag": 3, "partitions": {0: 1, 1: 2}}
    table = (await asyncio.to_thread(command, "forward", "status")).out
    assert {"0", bench.topics.completions, "3"} <= set(table.split())
    (one,) = await forwarders(bench.settings)
    assert [part.partition for lag in one.lag for part in lag.partitions] == [0, 1]
    assert 0 <= one.lag[0].seconds < 3600


async def test_what_is_settled_behind_a_refusal_does_not_wait(bench: ForwardBench) -> None:
    """The command and the metric say one: of a partition in which others were told after it."""
    bench.receiver.answer = lambda data: 500 if data["user_id"] == 1 else 200
    await bench.start()
    await bench.tell(1)
    await bench.tell(3)
    await bench.tell(5)
    await bench.until_taken(2)

    async def told() -> bool:
        return await _shown(bench) == {"lag": 1, "partitions": {1: 1}}

    async def measured() -> bool:
        text = await asyncio.to_thread(scrape, f"127.0.0.1:{bench.metrics_port}")
        of = f'telemetry_forward_lag_records{{partition="1",topic="{bench.topics.completions}"}}'
        return sample(text, of) == 1 and sample(text, "telemetry_forward_pending") == 1

    # Both are told a little after the last answer: by a commit, and by a look every ten seconds.
    await aeventually(told, 60, "one that waits")
    await aeventually(measured, 60, "one that waits, in the metrics")


async def test_what_is_told_to_nobody_does_not_wait(bench: ForwardBench) -> None:
    """Another forwarder's dead letter that is sent again, and an anonymous run; what is no completion does wait."""
    anonymous = orjson.dumps(completed(0, 1) | {"actor": "telemetry:x", "user_id": None})
    other = orjson.dumps(completed(2, 2))
    await produce(
        bench.settings.kafka,
        bench.topics.completions,
        [(0, b"k", anonymous, []), (0, b"k", other, [(FORWARD_TO, b"chat")]), (0, b"soup", b"soup", [])],
    )
    await transact(bench.settings.kafka, bench.topics.completions, [(0, b"k", other)], commit=False)
    await _begun_at(bench, 0)
    await _begun_at(bench, 3, "chat")

    found = {one.name: sum(lag.lag for lag in one.lag) for one in await forwarders(bench.settings)}

    assert found == {"lms": 1, "chat": 0}


async def test_a_long_queue_is_not_read(bench: ForwardBench) -> None:
    """Of more than a forwarder would have open the offsets are told; of as many as that, messages."""
    value = orjson.dumps(completed(2, 2))
    await transact(bench.settings.kafka, bench.topics.completions, [(0, b"k", value)] * MOST_READ, commit=True)
    await _begun_at(bench, 0)

    assert await _shown(bench) == {"lag": MOST_READ + 1, "partitions": {0: MOST_READ + 1}}
    await _begun_at(bench, 1)
    assert await _shown(bench) == {"lag": MOST_READ - 1, "partitions": {0: MOST_READ - 1}}
    # All but the first and the third were told, and one more was written since.
    await _begun_at(bench, 0, behind=f"{MOST_READ};0,2")
    assert await _shown(bench) == {"lag": 3, "partitions": {0: 3}}


async def test_of_a_topic_so_much_is_read_and_no_more(bench: ForwardBench) -> None:
    """However many partitions it has: those with the fewest messages first."""
    value = orjson.dumps(completed(2, 2))
    full = [(1, b"k", value)] * (MOST_READ - 1)
    await transact(bench.settings.kafka, bench.topics.completions, [(0, b"k", value), *full], commit=True)
    await _begun_at(bench, 0)

    assert await _shown(bench) == {"lag": MOST_READ + 1, "partitions": {0: 1, 1: MOST_READ}}


async def test_what_is_not_read_in_time_is_counted_in_offsets(bench: ForwardBench) -> None:
    """With the ends of transactions, and without what is known to be settled."""
    for student in (2, 1, 2, 2):
        await bench.tell(student)
    await _begun_at(bench, 0, behind="4;0")

    (one,) = await forwarders(bench.settings, 0.0)

    assert [(part.partition, part.lag) for lag in one.lag for part in lag.partitions] == [(0, 3), (1, 2)]


async def test_what_a_forwarder_begins_anew_waits_from_there(bench: ForwardBench) -> None:
    """A log that was cut, from its beginning, and one of those who are stuck, from its end."""
    await bench.tell(2)
    await produce(bench.settings.kafka, bench.topics.stuck, [(0, b"k", b"{}", [])])
    await _begun_at(bench, 50)
    await _begun_at(bench, 50, topic=bench.topics.stuck)

    (one,) = await forwarders(bench.settings)

    assert {lag.topic: lag.lag for lag in one.lag} == {bench.topics.completions: 1, bench.topics.stuck: 0}
