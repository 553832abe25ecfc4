"""The fixtures hand out real servers and processes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from tests.conftest import SettingsFactory
    from tests.support.processes import Processes

pytestmark = pytest.mark.system


async def test_a_record_goes_through_the_broker_of_the_settings(settings: SettingsFactory) -> None:
    """What is produced with the fixture's settings is consumed again."""
    configured = settings()
    topic = f"{configured.topic_prefix}echo"
    admin = AIOKafkaAdminClient(**configured.kafka_options())
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()

    async with AIOKafkaProducer(**configured.kafka_options()) as producer:
        await producer.send_and_wait(topic, b"hello", key=b"student")
    async with AIOKafkaConsumer(topic, **configured.kafka_options(), auto_offset_reset="earliest") as consumer:
        record = await consumer.getone()

    assert (record.key, record.value) == (b"student", b"hello")


def test_a_table_of_the_database_is_written_and_read(clickhouse: Client, database: str) -> None:
    """What is inserted over HTTP is selected again."""
    clickhouse.command(f"CREATE DATABASE {database}")
    clickhouse.command(f"CREATE TABLE {database}.t (n UInt8) ENGINE = MergeTree ORDER BY n")

    clickhouse.insert(f"{database}.t", [[1], [2]], column_names=["n"])

    assert clickhouse.query(f"SELECT sum(n) FROM {database}.t").result_rows == [(3,)]


def test_a_child_that_ends_is_not_waited_for(processes: Processes) -> None:
    """What it writes last is heard; what it never said is an error with its exit code, before the time is over."""
    child = processes.start([sys.executable, "-c", "print('farewell'); raise SystemExit(3)"])

    child.says("farewell")
    with pytest.raises(AssertionError, match=r"^no 'hello'.* it ended with 3"):
        child.says("hello")
