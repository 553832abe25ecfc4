"""The topics as `setup` leaves them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidTimestampError, KafkaError

from broker import clients
from broker.incremental_configs import set_topic_configs
from operations.topics import differing_configs, setup_topics
from schemas.wire.topics import IN_SYNC, Topics
from tests.support.waiting import aeventually

if TYPE_CHECKING:
    from schemas.settings import Settings
    from tests.conftest import SettingsFactory

pytestmark = pytest.mark.system

DAY_MS = 86_400_000


async def write_ahead(settings: Settings, topic: str) -> None:
    """Write a record whose timestamp is ten days ahead, as a gateway with a wrong clock does."""
    async with AIOKafkaProducer(**settings.kafka_options()) as producer:
        await producer.send_and_wait(topic, b"{}", timestamp_ms=int(time.time() * 1000) + 10 * DAY_MS)


async def test_a_clock_that_is_ahead_does_not_stop_webhooks(settings: SettingsFactory) -> None:
    """Every topic takes a record of the future: what was answered `ok` must not be refused by the broker."""
    chosen = settings(partitions=1)
    await setup_topics(chosen)

    for spec in Topics.of(chosen).specs(chosen):
        if spec.config["cleanup.policy"] == "delete":
            await write_ahead(chosen, spec.name)


async def test_topics_of_an_older_installation_are_brought_up_to_date(settings: SettingsFactory) -> None:
    """`setup` gives existing topics the configuration of today and says so; a second time it has nothing to do."""
    chosen = settings(partitions=1)
    raw = Topics.of(chosen).raw
    admin = AIOKafkaAdminClient(**chosen.kafka_options())
    await admin.start()
    try:
        await admin.create_topics([NewTopic(raw, 1, 1, topic_configs={"cleanup.policy": "delete"})])
    finally:
        await admin.close()
    with pytest.raises(InvalidTimestampError):
        await write_ahead(chosen, raw)

    done = await setup_topics(chosen)

    (line,) = (line for line in done if f"configured topic {raw}:" in line)
    assert "message.timestamp.after.max.ms" in line

    async def taken() -> bool:
        await write_ahead(chosen, raw)
        return True

    # The broker acknowledges a configuration before it follows it.
    await aeventually(taken)
    assert await setup_topics(chosen) == []


async def test_what_operators_have_set_stays(settings: SettingsFactory) -> None:
    """`setup` sets what it needs and no more: another configuration of a topic is as it was."""
    chosen = settings(partitions=1)
    raw = Topics.of(chosen).raw
    admin = AIOKafkaAdminClient(**chosen.kafka_options())
    await admin.start()
    try:
        own = {"segment.bytes": "20000000", "cleanup.policy": "delete", "retention.ms": "1000000"}
        await admin.create_topics([NewTopic(raw, 1, 1, topic_configs=own)])

        await setup_topics(chosen)

        asked = ConfigResource(ConfigResourceType.TOPIC, raw, {"segment.bytes": "", "retention.ms": ""})

        async def set_up() -> bool:
            (answer,) = await admin.describe_configs([asked])
            there = {entry[0]: entry[1] for entry in answer.resources[0][4]}
            return there == {"segment.bytes": "20000000", "retention.ms": str(365 * DAY_MS)}

        await aeventually(set_up)
    finally:
        await admin.close()


async def test_copies_that_must_have_a_record_are_never_more_than_there_are(settings: SettingsFactory) -> None:
    """Settings of three copies on a topic of one ask for one, else nothing could be written; stricter ones stay."""
    chosen = settings(partitions=1)
    await setup_topics(chosen)
    many = chosen.model_copy(update={"replication": 3})
    spec = Topics.of(many).specs(many)[0]
    assert spec.config[IN_SYNC] == "2"
    admin = AIOKafkaAdminClient(**chosen.kafka_options())
    await admin.start()
    try:
        assert await differing_configs(admin, spec) == {}
        await set_topic_configs(admin, spec.name, {IN_SYNC: "4"})

        async def stays() -> bool:
            return await differing_configs(admin, spec) == {} and await setup_topics(many) == []

        await aeventually(stays)
        with pytest.raises(KafkaError):
            await set_topic_configs(admin, spec.name, {"no.such.thing": "1"})
    finally:
        await admin.close()


async def test_a_default_shortens_no_retention(settings: SettingsFactory) -> None:
    """What was received and is to be kept for longer stays so for whoever has not set it; set to less, it is less."""

    async def kept(chosen: Settings) -> set[int]:
        await setup_topics(chosen)
        specs = [spec for spec in Topics.of(chosen).specs(chosen) if spec.name.endswith((".raw", ".facts"))]
        asked = [ConfigResource(ConfigResourceType.TOPIC, spec.name, {"retention.ms": ""}) for spec in specs]
        async with clients.opened(clients.admin(chosen.kafka_options())) as admin:
            answers = await admin.describe_configs(asked)
        return {int(resource[4][0][1]) // DAY_MS for answer in answers for resource in answer.resources}

    plain = settings(partitions=1)
    assert await kept(plain.model_copy(update={"raw_retention_days": 4000})) == {4000}

    assert await kept(plain) == {4000}

    async def shorter() -> bool:
        return await kept(plain.model_copy(update={"raw_retention_days": 365})) == {365}

    await aeventually(shorter)
