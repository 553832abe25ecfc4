"""Forwarders that come and go while Kafka is away, or while the receiver takes longer than their session lasts."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from broker import clients
from broker.topic_ids import topic_ids
from tests.support.forwarding import ForwardBench, in_order
from tests.support.waiting import aeventually
from tests.support.webhook_receiver import receiver

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.local.kafka import KafkaNode
    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


async def test_a_forwarder_ends_without_kafka(
    settings: SettingsFactory, processes: Processes, tmp_path: Path, kafka_nodes: Callable[[], KafkaNode]
) -> None:
    """Though what was taken since it went cannot be committed."""
    node, goes_on = kafka_nodes(), threading.Event()
    with receiver() as receiving:
        bench = ForwardBench(settings(partitions=2, kafka=node.bootstrap), processes, tmp_path, receiving)
        await bench.setup()
        asked = threading.Event()

        def answer(_: dict[str, Any]) -> int:
            asked.set()
            goes_on.wait(10)
            return 204

        receiving.answer = answer
        child = await bench.start()
        await bench.tell(1, 2)

        async def is_asked() -> bool:
            return asked.is_set()

        await aeventually(is_asked, 30, "a post")
        node.kill()
        goes_on.set()
        await bench.until_taken(2)
        child.says("coordinator dead")

        assert child.terminate() == 0


async def test_a_log_that_was_cut_is_told_anew(settings: SettingsFactory, processes: Processes, tmp_path: Path) -> None:
    """Its next records have offsets that were settled once, before the committed one or behind it."""
    with receiver() as receiving:
        bench = ForwardBench(settings(partitions=2), processes, tmp_path, receiving)
        await bench.setup()
        await bench.tell(1, 2)
        options, topic = bench.settings.kafka_options(), bench.topics.completions
        topic_id = (await topic_ids(options, [topic]))[topic]
        places = {0: OffsetAndMetadata(50, f"1;{topic_id};0;"), 1: OffsetAndMetadata(0, f"1;{topic_id};50;")}
        async with clients.opened(clients.consumer(options, group_id=bench.topics.forward_group("lms"))) as consumer:
            consumer.assign([TopicPartition(topic, number) for number in places])
            await consumer.commit({TopicPartition(topic, number): place for number, place in places.items()})
        child = await bench.start()

        assert in_order(await bench.until_taken(2)) == {"1": [1], "2": [2]}
        child.says("a log was cut")


@pytest.mark.long
async def test_a_receiver_slower_than_the_session_has_each_told_once(
    settings: SettingsFactory, processes: Processes, tmp_path: Path
) -> None:
    """While a second forwarder takes half of the partitions over from the first."""
    with receiver() as receiving:
        bench = ForwardBench(settings(partitions=2), processes, tmp_path, receiving)
        await bench.setup()
        receiving.pause = 8
        await bench.start()
        await bench.tell(1, 2, 1, 2)
        await bench.start()

        posts = await bench.until_taken(4, 90)
        await bench.until_committed()

        assert in_order(posts) == {"1": [1, 3], "2": [2, 4]}
        assert len(receiving.posts) == 4
