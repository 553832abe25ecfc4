"""Which partitions have records that wait, asked of a real broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from broker.waiting import Waiting, behind
from tests.chaos.kafka import create_topics, produce, transact

if TYPE_CHECKING:
    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system

ENOUGH = 30.0


async def test_only_records_wait(settings: SettingsFactory) -> None:
    """Markers and what was taken back are none; where a record waits, it and what follows are counted."""
    own = settings(partitions=4)
    raw = (await create_topics(own)).raw
    empty, read, aborted, mixed = (TopicPartition(raw, number) for number in range(4))
    await transact(own.kafka, raw, [(1, b"k", b"v"), (3, b"k", b"v")], commit=True)
    await transact(own.kafka, raw, [(2, b"k", b"v"), (2, b"k", b"v"), (3, b"k", b"v")], commit=False)
    await produce(own.kafka, raw, [(3, b"k", b"last", [])])

    assert await behind(own.kafka_options(), {empty: 0, read: 1, aborted: 0, mixed: 1}, ENOUGH) == {
        empty: 0,
        read: 0,
        aborted: 0,
        # Behind the first marker and what was taken back: offsets 1, 2 and 3.
        mixed: 1,
    }
    assert await behind(own.kafka_options(), {read: 0, mixed: 0}, ENOUGH) == {read: 2, mixed: 5}


async def test_asking_again_reads_nothing_twice(settings: SettingsFactory) -> None:
    """What was read is remembered while the reader stands still, and what comes later is found."""
    own = settings(partitions=1)
    raw = (await create_topics(own)).raw
    place = TopicPartition(raw, 0)
    await transact(own.kafka, raw, [(0, b"k", b"v")], commit=False)
    async with Waiting(own.kafka_options(), ENOUGH) as waiting:
        assert await waiting.behind({place: 0}) == {place: 0}
        assert await waiting.behind({place: 0}) == {place: 0}
        await produce(own.kafka, raw, [(0, b"k", b"v", [])])

        assert await waiting.behind({place: 0}) == {place: 1}
        assert await waiting.behind({place: 0}) == {place: 1}
        assert await waiting.behind({place: 3}) == {place: 0}
        assert await waiting.behind({place: 0}) == {place: 1}


async def test_a_broker_that_does_not_answer_is_an_error(settings: SettingsFactory) -> None:
    """Nothing is made up where nobody tells."""
    own = settings(partitions=1, kafka="127.0.0.1:1")

    with pytest.raises((KafkaError, OSError, TimeoutError)):
        await behind(own.kafka_options(), {TopicPartition("any", 0): 0}, 2.0)
