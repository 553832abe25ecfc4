"""Records as aiokafka hands them over, for tests."""

from __future__ import annotations

from aiokafka.structs import ConsumerRecord

__all__ = ["record"]


def record(
    offset: int,
    value: bytes | None = b"{}",
    *,
    key: bytes | None = b"u",
    headers: tuple[tuple[str, bytes], ...] = (),
    timestamp: int | None = None,
) -> ConsumerRecord:
    """A record of partition 3 of the topic `raw`; without `timestamp` each arrives a millisecond after the other."""
    arrival = 1_000 + offset if timestamp is None else timestamp
    size = -1 if value is None else len(value)
    return ConsumerRecord(
        "raw", 3, offset, arrival, 0, key, value, None, -1 if key is None else len(key), size, headers
    )
