"""What members of both kinds of consumer groups have in common: how they join, are dealt partitions and stand still."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from broker import clients
from broker.committed import all_committed_by_new_client
from broker.standstill import Watchdog
from broker.topic_ids import topic_ids
from broker.waiting import behind
from sinks.errors import SinkError
from sinks.writer.topic_logs import refuse_new

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from aiokafka.structs import OffsetAndMetadata

__all__ = ["POLL_MS", "SESSION_SECONDS", "Member"]

# The shortest that brokers allow by default: who dies keeps its partitions that long.
SESSION_SECONDS: Final = 6.0
POLL_MS: Final = 200
_WATCH_SECONDS: Final = 10.0
_ASK_SECONDS: Final = 10.0


class Member(ConsumerRebalanceListener, ABC):  # type: ignore[misc]  # aiokafka is untyped
    """One member of a consumer group, which knows how far it is with each partition by itself.

    Attributes:
        name: The group's.
        ready: Set once the first partitions, if any, are begun.
    """

    def __init__(self, options: dict[str, Any], name: str, **more: Any) -> None:
        """Prepare a member; `options` connect to Kafka, `more` are the consumer's own. Nothing is connected yet."""
        self.name = name
        self.ready = asyncio.Event()
        self._options = options
        self._topic_ids: dict[str, str] = {}
        self._failures: list[Exception] = []
        self._watch_at = 0.0
        self._watchdog = Watchdog()
        self._consumer = clients.consumer(
            options,
            group_id=name,
            auto_offset_reset="none",
            session_timeout_ms=int(SESSION_SECONDS * 1000),
            heartbeat_interval_ms=int(SESSION_SECONDS * 1000 / 4),
            **more,
        )

    async def on_partitions_revoked(self, _revoked: set[TopicPartition]) -> None:
        """Finish what is in hand, as far as that goes; the next owner does the rest."""
        await self._deal_out(None)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Begin each partition where it was left."""
        await self._deal_out(assigned)

    async def _deal_out(self, assigned: set[TopicPartition] | None) -> None:
        try:
            await self._let_go()
            if assigned is not None:
                await self._begin_assignment(assigned)
        except Exception as error:  # noqa: BLE001 - aiokafka would log and forget it, and nothing would be read
            self._failures.append(error)

    @abstractmethod
    async def _let_go(self) -> None:
        """End what was assigned, in the time that a rebalance leaves."""

    @abstractmethod
    async def _begin_assignment(self, assigned: set[TopicPartition]) -> None:
        """Begin what is assigned now."""

    @abstractmethod
    async def _skip(self, partitions: dict[TopicPartition, int]) -> None:
        """Go on where logs begin that have lost the offsets that were to be read; raises SinkError for others."""

    async def _learn(self, topics: Collection[str]) -> dict[TopicPartition, OffsetAndMetadata]:
        """What the group has committed of any topic, before this member joins it; raises TopicError, KafkaError."""
        self._topic_ids = await topic_ids(self._options, topics)
        return await all_committed_by_new_client(self._options, self.name, TopicPartition(next(iter(topics)), 0))

    async def _join(self, topics: Collection[str]) -> None:
        await self._consumer.start()
        clients.as_member(self._consumer)
        self._consumer.subscribe(list(topics), listener=self)

    async def _read(self, **more: int) -> Mapping[TopicPartition, list[Any]]:
        """The next records; raises what a rebalance failed with, and SinkError."""
        batches: Mapping[TopicPartition, list[Any]] = {}
        try:
            batches = await self._consumer.getmany(timeout_ms=POLL_MS, **more)
        except NoOffsetForPartitionError:
            # A new partition between its assignment and the seek when it is begun.
            pass
        except OffsetOutOfRangeError as error:
            await refuse_new(self._options, self._topic_ids)
            await self._skip(dict(error.args[0]))
        if self._failures:
            raise self._failures[0]
        return batches

    def _is_to_watch(self) -> bool:
        """Whether it is time to look again, which it is every ten seconds."""
        now = time.monotonic()
        if now < self._watch_at:
            return False
        self._watch_at = now + _WATCH_SECONDS
        return True

    async def _watch(
        self,
        positions: Mapping[TopicPartition, int],
        excused: Collection[TopicPartition],
        tell: Callable[[Mapping[TopicPartition, int]], None],
    ) -> None:
        """Raise SinkError, for a supervisor to start the process again, where going on waits for nothing.

        `excused` partitions may stand still; `tell` is given where the partitions end.
        """
        await refuse_new(self._options, self._topic_ids)
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                ends = await self._consumer.end_offsets(list(positions)) if positions else {}
            tell(ends)
            still = self._watchdog.observe(time.monotonic(), positions, ends, excused)
            waiting = await behind(self._options, {one: positions[one] for one in still}, _ASK_SECONDS) if still else {}
        except (KafkaError, OSError, TimeoutError):
            return
        if unread := [one for one in still if waiting[one]]:
            message = f"{unread[0].topic}[{unread[0].partition}] has records that cannot be read; starting again"
            raise SinkError(message)
