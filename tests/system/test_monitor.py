"""What the monitor reads of Kafka and ClickHouse, told as it is."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client.exposition import generate_latest
from pydantic import SecretStr

from broker import clients
from broker.clickhouse_errors import CLICKHOUSE_ERRORS
from deploy.local.resources import free_port
from operations.monitoring.clickhouse import ClickHouseLook
from operations.monitoring.kafka import KafkaLook
from operations.monitoring.metrics import MONITOR
from operations.table_setup import setup_tables
from operations.topics import setup_topics
from schemas.times import sql_time
from schemas.wire.generations import JOURNAL_KEY, Generation, Journal, Phase
from schemas.wire.topics import Topics
from tests.chaos.kafka import produce
from tests.support.door import opened
from tests.support.metrics import sample
from tests.support.sink import insert, outcome

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from schemas.settings import Settings
    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system

DAY_SECONDS = 86_400


def told() -> str:
    """All figures as they stand."""
    return generate_latest(MONITOR.registry).decode()


def figure(series: str) -> float:
    """A figure as it stands."""
    return sample(told(), f"telemetry_monitor_{series}")


def days_ago(days: int) -> datetime:
    """So many days before now."""
    return datetime.now(UTC) - timedelta(days=days)


def arrival(number: int, at: datetime) -> dict[str, Any]:
    """A row of raw."""
    return {
        "id": number,
        "received_at": sql_time(round(at.timestamp() * 1000)),
        "academy_id": 4,
        "source": "learnpack",
        "params": "{}",
        "payload": "{}",
        "receipt": "",
        "version": number,
    }


def differences(days: list[datetime]) -> list[float]:
    """What the ledger is told to differ by, on each of these days."""
    text = told()
    return [sample(text, f'telemetry_monitor_ledger_difference{{academy="4",day="{day:%Y-%m-%d}"}}') for day in days]


async def look(settings: Settings) -> KafkaLook:
    """Look at Kafka once."""
    kafka = KafkaLook(settings)
    try:
        await kafka.look()
    finally:
        await kafka.close()
    return kafka


def test_figures_of_clickhouse_are_its_own(settings: SettingsFactory, clickhouse: Client) -> None:
    """The disk's size is the disk's, and no table's; each table has its rows and what it takes."""
    chosen = settings()
    setup_tables(chosen)
    with closing(ClickHouseLook(chosen, 60)) as database:
        insert(clickhouse, f"{chosen.database}.raw", [arrival(number, days_ago(0)) for number in range(3)])
        database.look()
        ((capacity,),) = clickhouse.query("SELECT filesystemCapacity()").result_rows

    assert figure("clickhouse_up") == 1
    assert figure("clickhouse_disk_size_bytes") == capacity
    assert 0 < figure("clickhouse_disk_free_bytes") <= capacity
    assert figure('table_rows{table="raw"}') == 3
    assert 0 < figure('table_bytes{table="raw"}') < 1 << 20


def test_a_webhook_that_never_had_an_outcome_is_lost(settings: SettingsFactory, clickhouse: Client) -> None:
    """Days later, and where nobody is behind; until then it waits."""
    chosen = settings()
    setup_tables(chosen)
    days = [days_ago(number) for number in range(5)]
    with closing(ClickHouseLook(chosen, 60)) as database:
        rows = [arrival(10 * place + number, day) for place, day in enumerate(days) for number in range(2)]
        insert(clickhouse, f"{chosen.database}.raw", rows)
        done = [
            outcome(10 * place, academy_ids=[4], created_at=arrival(0, day)["received_at"])
            for place, day in enumerate(days)
        ]
        insert(clickhouse, f"{chosen.database}_g1.webhooks", done)
        database.balance(settled=False)
        waiting = differences(days)
        # It may be midnight at any moment: which day was looked at is known where it was the same before and after.
        today = tomorrow = None
        while today is None or today != tomorrow:
            today = days_ago(0).date()
            database.balance(settled=True)
            tomorrow = days_ago(0).date()

    assert waiting == [0] * 5
    assert differences(days) == [int((today - day.date()).days > 1) for day in days]


def test_an_answer_that_breaks_off_is_none(settings: SettingsFactory, clickhouse: Client) -> None:
    """ClickHouse counts as away then, the error is one that is waited out, and the next look is made anew."""
    chosen = settings()
    setup_tables(chosen)
    insert(clickhouse, f"{chosen.database}.raw", [arrival(1, days_ago(0))])
    url = urlsplit(chosen.clickhouse.get_secret_value())
    port, breaking = free_port(), threading.Event()
    through = SecretStr(url._replace(netloc=url.netloc.replace(f":{url.port}", f":{port}")).geturl())
    passing = chosen.model_copy(update={"clickhouse": through})
    with (
        opened(port, f"{url.hostname}:{url.port}", breaking=breaking),
        closing(ClickHouseLook(passing, 60)) as database,
    ):
        database.look()
        breaking.set()
        with pytest.raises(CLICKHOUSE_ERRORS):
            database.look()
        assert figure("clickhouse_up") == 0
        breaking.clear()
        database.balance(settled=True)
        breaking.set()
        with pytest.raises(CLICKHOUSE_ERRORS):
            database.balance(settled=True)
        breaking.clear()
        database.look()

    assert figure("clickhouse_up") == 1


async def test_a_limit_of_retention_is_the_topics_own(settings: SettingsFactory) -> None:
    """Whatever the settings of whoever looks ask for; topics that delete nothing have none."""
    chosen = settings(partitions=1, raw_retention_days=30)
    await setup_topics(chosen)
    topics = Topics.of(chosen)

    await look(chosen.model_copy(update={"raw_retention_days": 3}))

    assert figure(f'retention_seconds{{topic="{topics.raw}"}}') == 30 * DAY_SECONDS
    assert f'retention_seconds{{topic="{topics.telemetry}"}}' not in told()


async def test_who_is_behind_is_told_from_a_replay(settings: SettingsFactory) -> None:
    """Nothing is settled while a live group has a record that waits; groups of a replay do not count."""
    chosen = settings(partitions=1)
    await setup_topics(chosen)
    await setup_topics(chosen.model_copy(update={"generation": 2}))
    topics = Topics.of(chosen)
    beside = topics.of_generation(2)
    generations = (Generation(number=1), Generation(number=2))
    journal = Journal(live=1, last=2, step=Phase.CATCHING_UP, target=2, generations=generations)
    await produce(chosen.kafka, topics.generations, [(0, JOURNAL_KEY, journal.encode(), [])])
    async with clients.opened(clients.producer(chosen.kafka_options())) as producer:
        await producer.send_and_wait(topics.raw, b"{}", b"k", timestamp_ms=int(time.time() - 7200) * 1000)
    looked = KafkaLook(chosen)
    assert not looked.settled
    await looked.look()
    assert not looked.settled

    for group in (topics.application, topics.raw_sinks):
        await commit(chosen, group, topics.raw, 1)
    await looked.look()
    await looked.close()

    assert looked.settled
    assert figure(f'lag_seconds{{group="{beside.application}",partition="0",topic="{topics.raw}"}}') > 7000
    assert [figure(f'group_live{{group="{one.application}"}}') for one in (topics, beside)] == [1, 0]
    assert f'group_live{{group="{beside.sinks}"}} 0' in told()


async def commit(settings: Settings, group: str, topic: str, offset: int) -> None:
    """Have a group committed to an offset, without a member."""
    consumer = AIOKafkaConsumer(**settings.kafka_options(), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        await consumer.commit({place: offset})
    finally:
        await asyncio.shield(consumer.stop())
