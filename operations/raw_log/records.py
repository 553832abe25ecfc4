"""What a raw record looks like in a copy of the log, and in which partition it lies (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiokafka.partitioner import murmur2

from schemas.wire.headers import readable_headers
from schemas.wire.place import place_at
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


def copied_headers(
    partition: int, offset: int, headers: Sequence[tuple[str, bytes]], *, behind: bool = False
) -> list[tuple[str, bytes]]:
    """The headers of a record's copy: the same, and in `id` what it was called when it was first written.

    `behind` history that was put before it, it is ordered by where the copy stands; the copy of such a copy by the
    place of that one.
    """
    known = readable_headers(headers)
    identity = known.id if known.id is not None else place_at(partition, offset)
    copied = [(name, value) for name, value in headers if name not in {"id", "place"}]
    copied.append(("id", b"%d" % identity))
    if behind:
        copied.append(("place", b"here"))
    elif known.place is not None:
        copied.append(("place", b"%d" % log_place(partition, offset, known)))
    return copied


def place_of(partition: int, offset: int, headers: Sequence[tuple[str, bytes]]) -> int:
    """The place that a record is ordered by; without a readable header that says so, the one that it is at."""
    return log_place(partition, offset, readable_headers(headers))
