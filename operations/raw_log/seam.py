"""Where an archive and the raw topic meet: the topic's ends, and what lies between the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker.reading import first_records, written_ends
from operations.raw_log.records import place_of
from schemas.wire.place import split_place
from schemas.wire.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.settings import Settings

__all__ = ["log_ends", "offsets_between"]


async def log_ends(settings: Settings, partitions: int) -> dict[int, int]:
    """The offset behind the last record of each partition of the raw topic; raises aiokafka's KafkaError."""
    return await written_ends(settings, Topics.of(settings).raw, range(partitions)) if partitions else {}


async def offsets_between(settings: Settings, partitions: int, reached: Mapping[int, int]) -> dict[int, int]:
    """How many offsets neither an archive, which `reached` an offset of each partition, nor the topic has.

    Where the topic is a copy itself, its records are counted from the place of their originals. Offsets of a partition
    that the topic begins with records of another one are not known. Raises aiokafka's KafkaError.
    """
    gaps: dict[int, int] = {}
    for number, (record, end) in (await first_records(settings, Topics.of(settings).raw, partitions)).items():
        if record is None:
            # Everything that it had is gone.
            origin, offset = number, end
        else:
            origin, offset = split_place(place_of(number, record.offset, record.headers))
        if origin in reached and offset > reached[origin]:
            gaps[origin] = offset - reached[origin]
    return gaps
