"""Committing bookmarks, one request after the other."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from sinks.errors import FencedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka import AIOKafkaConsumer, TopicPartition

    from sinks.writer.bookmark import Bookmark

__all__ = ["Commits"]

_PAUSE_SECONDS: Final = 0.2
# Half of what the group gives a member to come back: a partition cannot have gone to another sink that soon after Kafka
# took a bookmark of ours.
_VOUCHED_SECONDS: Final = 3.0


class Commits:
    """Those of one assignment. `vouched` is until when (time.monotonic) its partitions are surely ours."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.vouched = 0.0
        self._consumer = consumer
        self._order = asyncio.Lock()

    async def record(self, bookmarks: Mapping[TopicPartition, Bookmark]) -> None:
        """Return once Kafka holds the bookmarks, after all those that were asked for before.

        Raises FencedError where the partitions are no longer ours: nothing may then be sent for them.
        """
        offsets = {tp: OffsetAndMetadata(found.offset, found.metadata()) for tp, found in bookmarks.items()}
        async with self._order:
            while True:
                asked = time.monotonic()
                try:
                    await self._consumer.commit(offsets)
                except (CommitFailedError, IllegalStateError) as error:
                    raise FencedError(str(error)) from error
                except KafkaError:
                    # The coordinator is away or moves; membership is judged when it answers.
                    await asyncio.sleep(_PAUSE_SECONDS)
                else:
                    self.vouched = asked + _VOUCHED_SECONDS
                    return
