"""Kafka's clients, made from settings: the one place that constructs them for others.

What every one of ours has in common stands here and nowhere else: who reads sees committed records only and commits
nothing by itself; who writes waits for all in-sync replicas and repeats nothing. The worker's transport and its
transactions (streams) construct their own, whose options are what they are about.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

__all__ = ["admin", "consumer", "opened", "producer"]

Client = TypeVar("Client", AIOKafkaAdminClient, AIOKafkaConsumer, AIOKafkaProducer)


def admin(options: Mapping[str, Any], **more: Any) -> AIOKafkaAdminClient:
    """An administrator's client, not started; `options` connect to Kafka (`Settings.kafka_options`)."""
    return AIOKafkaAdminClient(**{**options, **more})


def consumer(options: Mapping[str, Any], **more: Any) -> AIOKafkaConsumer:
    """A reader of committed records that commits nothing by itself, not started; `more` are aiokafka's own options."""
    return AIOKafkaConsumer(**{"isolation_level": "read_committed", "enable_auto_commit": False, **options, **more})


def producer(options: Mapping[str, Any], **more: Any) -> AIOKafkaProducer:
    """A writer whose records are acknowledged by all in-sync replicas and never doubled by a retry, not started."""
    return AIOKafkaProducer(**{"acks": "all", "enable_idempotence": True, **options, **more})


@contextlib.asynccontextmanager
async def opened(client: Client) -> AsyncIterator[Client]:
    """Start a client for a while; raises aiokafka's KafkaError where no broker answers."""
    end = client.close if isinstance(client, AIOKafkaAdminClient) else client.stop
    try:
        await client.start()
        yield client
    finally:
        await end()
