"""Which partition a key's records are in: what Kafka's Java client chooses."""

from __future__ import annotations

from typing import Final

from aiokafka.partitioner import murmur2

__all__ = ["partition_of"]

_POSITIVE: Final = 0x7FFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key among so many."""
    return (int(murmur2(key)) & _POSITIVE) % partitions
