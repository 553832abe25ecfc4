"""The gateway's producer on a real broker: order, places, rounds that are too large for one request, and its end."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer

from gateway.durable.delivery import Delivery
from gateway.durable.kafka import RawProducer
from gateway.durable.publishing import RawRecord
from gateway.durable.spool import Spool
from gateway.errors import KafkaUnavailableError, UnavailableError
from gateway.metrics import Metrics
from operations.topics import setup_topics
from schemas.wire.place import OFFSET_BITS, place_at
from schemas.wire.topics import Topics
from tests.chaos.kafka import read_all
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from deploy.local.kafka import KafkaNode
    from schemas.settings import Settings
    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system


@pytest.fixture
async def chosen(settings: SettingsFactory) -> Settings:
    """Settings whose topics are there."""
    chosen = settings(partitions=4)
    await setup_topics(chosen)
    return chosen


@pytest.fixture
async def producer(chosen: Settings) -> AsyncIterator[RawProducer]:
    """A producer that is connected."""
    producer = RawProducer(chosen, Metrics())
    await producer.start()
    yield producer
    await producer.stop()


async def test_records_of_a_key_are_in_order_and_at_the_place_that_was_told(
    chosen: Settings, producer: RawProducer
) -> None:
    """Whatever is sent while earlier rounds are under way."""
    told: dict[int, bytes] = {}

    async def send(number: int) -> None:
        value = b"%d" % number
        told[await producer.send(RawRecord(b"student-%d" % (number % 7), value, [], 1_700_000_000_000))] = value

    sending = []
    for number in range(1000):
        sending.append(asyncio.create_task(send(number)))
        if number % 10 == 0:
            await asyncio.sleep(0)
    await asyncio.gather(*sending)

    stored: dict[int, bytes] = {}
    by_key: dict[bytes, list[int]] = defaultdict(list)
    raw = Topics.of(chosen).raw
    async with AIOKafkaConsumer(raw, **chosen.kafka_options(), auto_offset_reset="earliest") as consumer:
        while len(stored) < 1000:
            record = await consumer.getone()
            stored[place_at(record.partition, record.offset)] = record.value
            by_key[record.key].append(int(record.value))
    assert stored == told
    assert len({place >> OFFSET_BITS for place in stored}) > 1
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


async def test_more_than_a_request_holds_goes_in_several(producer: RawProducer) -> None:
    """Forty megabytes that wait at once are all acknowledged."""
    value = bytes(1 << 20)
    places = await asyncio.gather(
        *(producer.send(RawRecord(b"%d" % number, value, [], 1_700_000_000_000 + number)) for number in range(40))
    )

    assert len(set(places)) == 40


async def test_nothing_waits_for_a_broker_that_is_gone(
    settings: SettingsFactory, kafka_nodes: Callable[[], KafkaNode]
) -> None:
    """Records under way and behind them fail, so that the spool gets them."""
    node = kafka_nodes()
    chosen = settings(kafka=node.bootstrap, partitions=4)
    await setup_topics(chosen)
    producer = RawProducer(chosen, Metrics())
    await producer.start()
    try:
        await producer.send(RawRecord(b"a", b"1", [], 1_700_000_000_000))
        node.kill()
        sent = [producer.send(RawRecord(b"%d" % number, b"2", [], 1_700_000_000_000)) for number in range(20)]
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
    finally:
        await producer.stop()

    assert {type(outcome) for outcome in outcomes} == {KafkaUnavailableError}


@pytest.mark.parametrize("size", [1_500_000, 200_000])
async def test_a_record_that_kafka_refuses_stops_nobody_else(
    settings: SettingsFactory, tmp_path: Path, size: int
) -> None:
    """One that is too large for the topic fails by itself, spooled or not; all others are stored, in order."""
    narrow = settings(partitions=1, max_body_bytes=10_000)
    await setup_topics(narrow)
    producer = RawProducer(narrow.model_copy(update={"max_body_bytes": 5 << 20}), Metrics())
    spool = Spool(tmp_path / "spool", 50_000_000)
    await spool.open()
    for value in (b"first", b"1" * size, b"second", b"2" * size, b"third"):
        await spool.append(RawRecord(b"a", value, [], 1_700_000_000_000))
    await spool.close()
    spool = Spool(tmp_path / "spool", 50_000_000)
    delivery = Delivery(producer, spool)

    async def direct() -> bool:
        return delivery.direct

    async def send(value: bytes) -> None:
        await delivery.publish(RawRecord(b"a", value, [], 1_700_000_000_000))

    await delivery.start()
    await aeventually(direct, 60)
    with pytest.raises(UnavailableError, match="setup"):
        await send(b"3" * size)
    await send(b"fourth")
    await aeventually(direct, 60)
    await delivery.stop()

    (records,) = await read_all(narrow.kafka, Topics.of(narrow).raw, 1)
    stored = [record.value for record in records]
    assert list(dict.fromkeys(stored)) == [b"first", b"second", b"third", b"fourth"]
    assert len(list((tmp_path / "spool").glob("*.damaged"))) == spool.damaged == 1
