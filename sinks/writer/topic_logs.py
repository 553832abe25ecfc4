"""The logs that a group reads: whether they are still the same ones, and where they begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from aiokafka.errors import KafkaError

from broker.topic_ids import TopicError, topic_ids
from sinks.errors import ConfigurationError, SinkError
from sinks.writer.bookmark import Bookmark

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aiokafka import AIOKafkaConsumer, TopicPartition
    from aiokafka.structs import OffsetAndMetadata

__all__ = ["TopicLogs"]

_log = structlog.get_logger(__name__)


class TopicLogs:
    """The topics of one group, as they were at the start."""

    def __init__(self, options: dict[str, Any], topics: Collection[str]) -> None:
        self._options = options
        self._topics = topics
        self._ids: dict[str, str] = {}

    async def open(self) -> None:
        """Learn the topics' ids; raises ConfigurationError where one does not exist."""
        try:
            self._ids = await topic_ids(self._options, self._topics)
        except TopicError as error:
            raise ConfigurationError(str(error)) from error

    def bookmark(self, partition: TopicPartition, committed: OffsetAndMetadata, start: int) -> Bookmark:
        """Where a partition goes on; at `start`, where its log begins, if nothing was committed of this topic."""
        topic_id = self._ids[partition.topic]
        found = Bookmark.read(topic_id, committed.offset, committed.metadata)
        if found is not None:
            return found
        if committed.offset >= 0:
            _log.warning("topic_recreated", topic=partition.topic, partition=partition.partition, reads_from=start)
        return Bookmark(topic_id, start)

    async def notice_new(self) -> None:
        """Raise SinkError where a topic was deleted and made again: what is in hand is of the old one.

        While it is not there nothing can be read of it, and the others are stored on.
        """
        try:
            found = await topic_ids(self._options, self._topics)
        except (TopicError, KafkaError, OSError, TimeoutError):
            return
        if anew := sorted(name for name, topic_id in found.items() if topic_id != self._ids[name]):
            message = f"{anew[0]} was deleted and made again; starting again to read it from its start"
            raise SinkError(message)

    async def out_of_range(self, consumer: AIOKafkaConsumer, partitions: Mapping[TopicPartition, int]) -> None:
        """Go on at the log's start where retention was faster than this sink.

        Raises SinkError for a log that ends before the offset that is to be read.
        """
        await self.notice_new()
        starts = await consumer.beginning_offsets(list(partitions))
        for partition, offset in partitions.items():
            start = starts[partition]
            if offset > start:
                message = (
                    f"{partition.topic}[{partition.partition}] ends before offset {offset}, up to which it is stored: "
                    "the log was cut, and its next records would be taken for old ones. "
                    "Recompute with: learnpack-telemetry replay"
                )
                raise SinkError(message)
            _log.error(
                "records_expired", topic=partition.topic, partition=partition.partition, first=offset, next=start
            )
            consumer.seek(partition, start)
