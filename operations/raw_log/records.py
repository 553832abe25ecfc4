"""What a raw record looks like in a copy of the log, and in which partition it lies (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiokafka.partitioner import murmur2

from schemas.wire.headers import readable_headers
from schemas.wire.webhook import log_place

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["copied_headers", "copied_partition", "place_of"]

_POSITIVE: Final = 0x7FFFFFFF


def copied_partition(key: bytes | None, partition: int, before: int, after: int) -> int:
    """The partition of a record's copy, in a topic whose partitions grew from `before` to a multiple of it, `after`.

    It is the one that the gateway sends new records of the key to. That one is congruent to the old partition, so the
    ids that new records get are above those of the key's copies; a record that was put somewhere else by hand stays.
    """
    if key is None:
        return partition
    by_key = (int(murmur2(key)) & _POSITIVE) % after
    return by_key if by_key % before == partition else partition


def copied_headers(partition: int, offset: int, headers: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The headers of a record's copy: the same, and in `id` the place that the record was first written to."""
    place = place_of(partition, offset, headers)
    return [*((name, value) for name, value in headers if name != "id"), ("id", b"%d" % place)]


def place_of(partition: int, offset: int, headers: Sequence[tuple[str, bytes]]) -> int:
    """The place that a record was first written to; without a readable header `id`, the one that it is at."""
    return log_place(partition, offset, readable_headers(headers))
