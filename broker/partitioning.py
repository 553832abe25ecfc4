"""How many partitions topics have, and which of them a key's records are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiokafka.partitioner import murmur2

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

__all__ = ["partition_of", "topic_partitions"]

_POSITIVE: Final = 0x7FFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key among so many: what Kafka's Java client chooses."""
    return (int(murmur2(key)) & _POSITIVE) % partitions


async def topic_partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """How many partitions each topic has; raises aiokafka's KafkaError."""
    # All are asked for: a topic that is named and not there would be created.
    described = await admin.describe_topics()
    return {entry["topic"]: len(entry["partitions"]) for entry in described if not entry["error_code"]}
