"""The logs that a group reads: whether they are still the same ones, and where they begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from aiokafka.errors import KafkaError

from broker.topic_ids import TopicError, topic_ids
from sinks.errors import SinkError
from sinks.writer.bookmark import Bookmark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka import AIOKafkaConsumer, TopicPartition
    from aiokafka.structs import OffsetAndMetadata

__all__ = ["bookmark_of", "refuse_new", "skip_deleted"]

_log = structlog.get_logger(__name__)


def bookmark_of(topic_id: str, partition: TopicPartition, committed: OffsetAndMetadata, start: int) -> Bookmark:
    """Where a partition goes on; at `start`, where its log begins, if nothing was committed of this topic."""
    found = Bookmark.read(topic_id, committed.offset, committed.metadata)
    if found is not None:
        return found
    if committed.offset >= 0:
        _log.warning("a topic was made anew", topic=partition.topic, partition=partition.partition, reads_from=start)
    return Bookmark(topic_id, start)


async def refuse_new(options: dict[str, Any], ids: Mapping[str, str]) -> None:
    """Raise SinkError where a topic was deleted and made again since it had its id: what is in hand is of the old one.

    While it is not there nothing can be read of it, and the others are stored on.
    """
    try:
        found = await topic_ids(options, ids)
    except (TopicError, KafkaError, OSError, TimeoutError):
        return
    if anew := sorted(name for name, topic_id in found.items() if topic_id != ids[name]):
        message = f"{anew[0]} was deleted and made again; starting again to read it from its start"
        raise SinkError(message)


async def skip_deleted(consumer: AIOKafkaConsumer, partitions: Mapping[TopicPartition, int]) -> None:
    """Go on at the log's start where retention was faster than this sink; `partitions` have the offsets out of range.

    Raises SinkError for a log that ends before the offset that is to be read.
    """
    starts = await consumer.beginning_offsets(list(partitions))
    for partition, offset in partitions.items():
        topic, number, start = partition.topic, partition.partition, starts[partition]
        if offset > start:
            message = (
                f"{topic}[{number}] ends before offset {offset}, up to which it is stored: the log was cut, and its "
                "next records would be taken for old ones. Recompute with: learnpack-telemetry replay"
            )
            raise SinkError(message)
        _log.error(
            "records were deleted before they were stored", topic=topic, partition=number, first=offset, next=start
        )
        consumer.seek(partition, start)
