"""Partitions that somebody has added to the raw topic: what is written there is moved to where its student's state is.

`setup` makes as many partitions of everything, and never more; Kafka's tools can. A partition beyond those of the
changelog has no state, and its students have theirs elsewhere. So its records are sent on, each once, as retries, which
keep their ids.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka import TopicPartition

from broker import clients
from broker.partitioning import partition_of, topic_partitions
from schemas.wire.headers import headers_of_retry, readable_headers
from schemas.wire.webhook import webhook_id
from streams.messages import Message
from streams.partition import Partition
from streams.prepare import Transaction
from streams.processing import Processed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from schemas.wire.topics import Topics
    from streams.context import PartitionContext
    from streams.outbox import Outgoing

__all__ = ["Surplus", "partitions_with_state"]

_log = structlog.stdlib.get_logger("streams")


async def partitions_with_state(options: Mapping[str, Any], topics: Topics) -> int:
    """How many partitions the changelog has, 0 if there is none. Raises aiokafka's KafkaError."""
    async with clients.opened(clients.admin(options)) as admin:
        partitions = await topic_partitions(admin)
    there, used = partitions.get(topics.raw, 0), partitions.get(topics.changelog, 0)
    if 0 < used < there:
        _log.error(
            "somebody has added partitions to the raw topic: what comes there is moved; `doctor` says more",
            topic=topics.raw,
            partitions=there,
            used=used,
        )
    return used


class Surplus(Partition):
    """Moves a partition's records, in one transaction with its offset, to the first `home` partitions."""

    def __init__(
        self, number: int, context: PartitionContext, opened: Callable[[Partition], None], *, home: int
    ) -> None:
        self._home = home
        super().__init__(number, context, opened)

    async def _restore(self, _reader: Any) -> int:
        """Nothing: there is no state."""
        return 0

    async def _behind_live(self, records: Sequence[Any], end: int) -> AsyncIterator[tuple[Sequence[Any], int]]:
        """All of them, for the live generation; one that is computed beside it meets them where they were moved."""
        if records and self._context.mandate.live_progress is None:
            yield records, end

    def process(self, records: Sequence[Any], end: int) -> Iterator[Transaction]:
        """Yield the records as messages for the partitions that they belong to; all in one transaction."""
        moved: Outgoing = defaultdict(list)
        for record in records:
            number = self.number % self._home if record.key is None else partition_of(record.key, self._home)
            moved[TopicPartition(self._source.topic, number)].append(_retry(record))
        yield Transaction(Processed(None, []), moved, replace(self._checkpoint, offset=end), end, len(records))
        _log.warning("webhooks moved", partition=self.number, count=len(records))


def _retry(record: Any) -> Message:
    identity = webhook_id(record.partition, record.offset, readable_headers(record.headers))
    return Message(record.key, record.value, headers_of_retry(record.headers, identity), record.timestamp)
