"""Ends a worker whose raw topic was deleted and made anew: offsets begin at 0 again, and ids of webhooks with them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiokafka.errors import KafkaError

from broker.topic_ids import TopicError, topic_ids
from broker.watched import Watched
from schemas.exits import ExitCode

if TYPE_CHECKING:
    from streams.exits import End

__all__ = ["TopicWatch"]

_LOOK_S: Final = 5.0


class TopicWatch:
    """Compares Kafka's id of a topic with the one at the start.

    Faust would wait for ever for the offsets of the old topic. While the topic or the broker is away nothing is judged:
    it may come back as it was.
    """

    def __init__(self, topic: str, options: dict[str, Any], end: End, look_s: float = _LOOK_S) -> None:
        """Name the topic, and how many seconds lie between two looks; nothing is connected yet."""
        self._topic = topic
        self._options = options
        self._end = end
        self._look_s = look_s
        self._known: str | None = None
        self._task = Watched("raw-topic", self._watch)

    async def start(self) -> None:
        """Take the id that is to stay, and begin to watch."""
        await self._look()
        self._task.start()

    async def stop(self) -> None:
        """Stop watching."""
        await self._task.stop()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            await self._look()

    async def _look(self) -> None:
        try:
            topic_id = (await topic_ids(self._options, [self._topic]))[self._topic]
        except (TopicError, KafkaError, OSError, TimeoutError):
            return
        if self._known is None:
            self._known = topic_id
        elif topic_id != self._known:
            self._end(
                ExitCode.STATE_LOST,
                f"topic {self._topic} was deleted and made anew: its webhooks take the ids of old ones. Stop gateways, "
                "workers and sinks, and bring the old one back: docs/operations.md, 'The raw topic was deleted'",
            )
